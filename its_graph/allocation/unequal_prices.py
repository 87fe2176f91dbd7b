"""Samples for many problems whose samples differ in price."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from its_graph.allocation.curves import Curves, marginals
from its_graph.errors import ConfigurationError

__all__ = ["allocate_with_prices"]


def allocate_with_prices(
    curves: Curves, costs: Sequence[float] | NDArray[np.float64], budget: float
) -> NDArray[np.int64]:
    """Give sample after sample to the problem where it is worth most for its cost, as long as the budget lasts.

    For concave curves the optimum of the relaxation: at most the one sample that no longer fits is missed, and with it
    what cheaper ones behind it could have brought (`its_graph.allocation.samples.exact` finds the integer optimum of
    small instances). Samples that are worth nothing are not drawn. 100,000 problems take about a second.

    Args:
        curves: [problems, most + 1], concave: marginals never rise.
        costs: of one sample of each problem, above 0.
        budget: in the unit of `costs`.
    """
    if budget < 0:
        raise ConfigurationError(f"A budget cannot be negative, given {budget}.")
    prices = np.asarray(costs, dtype=np.float64)
    if prices.shape != (len(curves),) or not (prices > 0).all():
        raise ConfigurationError(f"Every problem needs a cost above 0; given {prices.shape[0]} for {len(curves)}.")
    worth = (marginals(curves) / prices[:, None]).ravel()
    # No more than these can be paid, even if all were the cheapest: the others need no sorting.
    payable = min(int(budget / prices.min(initial=np.inf)) + 1, int((worth > 0).sum()))
    if payable == 0:
        return np.zeros(len(curves), dtype=np.int64)
    best = np.argpartition(worth, worth.size - payable)[worth.size - payable :]
    # Equals in the order of the problems: of one problem it is all the same which of them are counted.
    best = best[np.lexsort((best, -worth[best]))]
    problem = best // (curves.shape[1] - 1)
    paid = np.cumsum(prices[problem]) <= budget
    counts: NDArray[np.int64] = np.bincount(problem[paid], minlength=len(curves))
    return counts
