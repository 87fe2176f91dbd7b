"""Model servers: start them as processes of this machine, and call one or several over HTTP."""
