"""Language models as judges: pairwise, listwise, pointwise, generative."""
