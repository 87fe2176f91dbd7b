"""The machinery of one search: state, tree view, node executor, events."""
