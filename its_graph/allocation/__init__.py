"""How many samples each of many problems gets out of one budget.

Values are expected numbers of solved problems, costs are in any one unit (tokens of generation, prompt and verification
together, or samples). The question is a concave resource allocation (2408.03314, 2410.04707); where a curve is not
concave, greedy is wrong and `exact` or `by_hull` is asked instead.
"""

from typing import TYPE_CHECKING

from its_graph._lazy import lazy_exports

if TYPE_CHECKING:
    from its_graph.allocation.adaptive import Adaptive as Adaptive
    from its_graph.allocation.baselines import SEED_WEIGHTS as SEED_WEIGHTS
    from its_graph.allocation.baselines import by_weight as by_weight
    from its_graph.allocation.baselines import uniform as uniform
    from its_graph.allocation.curves import Curves as Curves
    from its_graph.allocation.curves import beta as beta
    from its_graph.allocation.curves import known as known
    from its_graph.allocation.curves import majority_curves as majority_curves
    from its_graph.allocation.curves import marginals as marginals
    from its_graph.allocation.knapsack import Option as Option
    from its_graph.allocation.knapsack import by_menu_hull as by_menu_hull
    from its_graph.allocation.knapsack import exact_menu as exact_menu
    from its_graph.allocation.samples import by_hull as by_hull
    from its_graph.allocation.samples import continuous as continuous
    from its_graph.allocation.samples import exact as exact
    from its_graph.allocation.samples import expected_solved as expected_solved
    from its_graph.allocation.samples import greedy as greedy
else:
    __getattr__ = lazy_exports(
        __name__,
        {
            "adaptive": ("Adaptive",),
            "baselines": ("SEED_WEIGHTS", "by_weight", "uniform"),
            "curves": ("Curves", "beta", "known", "majority_curves", "marginals"),
            "knapsack": ("Option", "by_menu_hull", "exact_menu"),
            "samples": ("by_hull", "continuous", "exact", "greedy", "expected_solved"),
        },
    )
