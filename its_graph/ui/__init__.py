"""The page that shows searches live: plain modules for the browser, and what hands them out."""
