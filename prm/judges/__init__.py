"""Language models as judges: pairwise, listwise, pointwise and generative."""
