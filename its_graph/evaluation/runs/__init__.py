"""Run strategies over problems: single evaluations, grids, the sample cache, workers."""
