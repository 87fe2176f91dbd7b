"""Step labels, training and evaluation of reward models."""
