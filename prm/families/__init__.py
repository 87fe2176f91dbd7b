"""The public families of reward models: how steps are marked and where scores are read."""
