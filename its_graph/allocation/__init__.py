"""How to divide one budget of samples among many problems.

Values are expected numbers of solved problems. Costs are in any single unit: tokens (generation, prompt and
verification together) or samples. This is a concave resource allocation problem (2408.03314, 2410.04707). Greedy
allocation is wrong for curves that are not concave; `exact` and `hull_greedy` handle those.
"""

from typing import TYPE_CHECKING

from its_graph._lazy import lazy_exports

if TYPE_CHECKING:
    from its_graph.allocation.adaptive import AdaptiveAllocator as AdaptiveAllocator
    from its_graph.allocation.baselines import HARDEST_FIRST_WEIGHTS as HARDEST_FIRST_WEIGHTS
    from its_graph.allocation.baselines import proportional as proportional
    from its_graph.allocation.baselines import uniform as uniform
    from its_graph.allocation.curves import Curves as Curves
    from its_graph.allocation.curves import beta_curves as beta_curves
    from its_graph.allocation.curves import coverage_curves as coverage_curves
    from its_graph.allocation.curves import majority_curves as majority_curves
    from its_graph.allocation.curves import marginals as marginals
    from its_graph.allocation.knapsack import KnapsackItem as KnapsackItem
    from its_graph.allocation.knapsack import exact_knapsack as exact_knapsack
    from its_graph.allocation.knapsack import hull_knapsack as hull_knapsack
    from its_graph.allocation.solvers import continuous as continuous
    from its_graph.allocation.solvers import exact as exact
    from its_graph.allocation.solvers import expected_solved as expected_solved
    from its_graph.allocation.solvers import greedy as greedy
    from its_graph.allocation.solvers import hull_greedy as hull_greedy
else:
    __getattr__, __dir__, __all__ = lazy_exports(
        __name__,
        {
            "adaptive": ("AdaptiveAllocator",),
            "baselines": ("HARDEST_FIRST_WEIGHTS", "proportional", "uniform"),
            "curves": ("Curves", "beta_curves", "coverage_curves", "majority_curves", "marginals"),
            "knapsack": ("KnapsackItem", "exact_knapsack", "hull_knapsack"),
            "solvers": ("continuous", "exact", "expected_solved", "greedy", "hull_greedy"),
        },
        requires=dict.fromkeys(("curves", "solvers"), "numpy"),
    )
