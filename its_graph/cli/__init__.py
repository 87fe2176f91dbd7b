"""The command line `its-graph`: a composition root, which may import everything else."""
