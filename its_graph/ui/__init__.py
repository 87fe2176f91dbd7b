"""The web page that shows searches live: plain browser modules, and the code that delivers them."""
