"""Reports, plots and tables of an evaluation."""
