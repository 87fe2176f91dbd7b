"""Reward models as verifiers: families, scoring, labelling, training.

Each idea lives in its own module, imported by the one who needs it, so that this package stays light.
"""
