"""Model servers as processes of this machine: what to start, and how to watch over it."""
