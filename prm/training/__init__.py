"""Step labels for reward models, their training and their evaluation."""
