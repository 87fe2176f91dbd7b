"""Reward models as verifiers: families, scoring, labelling, training.

What stands here is loaded when it is asked for, so that this package stays light.
"""

from its_graph.exports import exports

__getattr__, __dir__, __all__ = exports(__name__, __file__)
