"""The strategies by name: registry, options as plain data, recommendations."""
