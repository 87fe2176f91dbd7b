"""The nodes of a search, one file per kind of node, and the pure rules by which strategies differ."""
