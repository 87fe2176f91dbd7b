"""The strategies by name: registry, options as data, recommendations."""
