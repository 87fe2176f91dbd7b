"""How one search runs: state, tree view, executor of model calls, events."""
