"""The `its-graph` command line: a composition root, which may import everything else."""
