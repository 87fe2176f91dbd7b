"""The rules of strategies that rewrite solutions: chains, populations, workspaces, critiques."""
