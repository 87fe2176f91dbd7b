"""Families of published reward models: how each one delimits steps and where its scores are read."""
