"""Greedy allocation of samples whose costs differ between problems."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from its_graph.allocation.curves import Curves, marginals
from its_graph.errors import ConfigurationError

__all__ = ["greedy_with_costs"]


def greedy_with_costs(curves: Curves, costs: Sequence[float] | NDArray[np.float64], budget: float) -> NDArray[np.int64]:
    """Give each sample to the problem where it is worth most per cost, until the budget is spent.

    For concave curves this is the optimum of the relaxation: it misses at most the one sample that no longer fits, plus
    what cheaper samples ranked after it could have added (`its_graph.allocation.solvers.exact` finds the integer
    optimum of small instances). Samples with no value are not drawn. 100,000 problems take about a second.

    Args:
        curves: [problems, max_samples + 1], concave: marginals never rise.
        costs: cost of one sample of each problem, above 0.
        budget: in the unit of `costs`, at least 0.

    Returns:
        The samples of each problem.

    Raises:
        ConfigurationError: a cost is missing or not above 0, or the budget is negative.
    """
    if budget < 0:
        raise ConfigurationError(f"budget must be >= 0; got {budget}.")
    sample_costs = np.asarray(costs, dtype=np.float64)
    if sample_costs.shape != (len(curves),) or not (sample_costs > 0).all():
        raise ConfigurationError(
            f"Every problem needs a cost above 0; got {sample_costs.tolist()[:5]} for {len(curves)} problems."
        )
    values = (marginals(curves) / sample_costs[:, None]).ravel()
    # The budget buys no more samples than this even if all had the lowest cost, so the others need no sorting.
    affordable = min(int(budget / sample_costs.min(initial=np.inf)) + 1, int((values > 0).sum()))
    if affordable == 0:
        return np.zeros(len(curves), dtype=np.int64)
    best = np.argpartition(values, values.size - affordable)[values.size - affordable :]
    # Ties are in the order of the problems. Within one problem, it does not matter which tied samples are counted.
    best = best[np.lexsort((best, -values[best]))]
    problem = best // (curves.shape[1] - 1)
    paid = np.cumsum(sample_costs[problem]) <= budget
    counts: NDArray[np.int64] = np.bincount(problem[paid], minlength=len(curves))
    return counts
