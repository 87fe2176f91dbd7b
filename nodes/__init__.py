"""The nodes of a search, one file for each kind, and the pure rules that tell strategies apart."""
