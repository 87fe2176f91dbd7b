"""Running strategies over problems: workers, grids, shared samples."""
