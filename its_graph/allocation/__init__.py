"""How many samples each of many problems gets out of one budget.

Values are expected numbers of solved problems, costs are in any one unit (tokens of generation, prompt and verification
together, or samples). The question is a concave resource allocation (2408.03314, 2410.04707); where a curve is not
concave, greedy is wrong and `exact` or `by_hull` is asked instead.
"""

from its_graph.exports import exports

__getattr__, __dir__, __all__ = exports(__name__, __file__)
