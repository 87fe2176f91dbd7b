"""Two ways to respect a budget: in each bin, or on average over all questions.

Both select one point of every bin's Pareto front. In each bin: no bin has a mean cost above the budget, which is the
promise to a user who waits for one answer. On average: hard bins may cost more than the budget where that helps and
easy ones less, as long as the mean over all questions is within it. That is a multiple-choice knapsack over the bins,
and it solves more for the same compute.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import TypeAlias

from its_graph.allocation.knapsack import KnapsackItem, exact_knapsack
from its_graph.routing.pareto_front import ParetoFront
from its_graph.routing.policy import BudgetScope, PolicyPoint

__all__ = ["SELECTORS", "PointSelector", "required_budget", "select_on_average", "select_per_bin"]

PointSelector: TypeAlias = Callable[[Sequence[ParetoFront], float], list[int]]
"""(one front per bin, budget per question) -> the index of the selected point of each front, 0 if nothing fits."""

_RESOLUTION = 400
"""Cost units of the knapsack for the budget that remains above the cheapest points. Costs are rounded up to whole
units; what rounding leaves unspent is then spent at exact costs."""


def select_per_bin(fronts: Sequence[ParetoFront], budget: float) -> list[int]:
    """Select in each bin the most accurate point whose mean cost is within the budget."""
    return [max((index for index, point in enumerate(front) if point.cost <= budget), default=0) for front in fronts]


def select_on_average(fronts: Sequence[ParetoFront], budget: float) -> list[int]:
    """Select the points that solve most problems while the mean cost over all problems is within the budget."""
    problems = sum(front[0].problems for front in fronts)
    spare = budget * problems - math.fsum(front[0].problems * front[0].cost for front in fronts)
    if spare <= 0:
        return [0] * len(fronts)
    menus = [
        [_item(point.problems, point.accuracy, point.cost - front[0].cost, spare) for point in front]
        for front in fronts
    ]
    return _spend_remainder(fronts, exact_knapsack(menus, _RESOLUTION), spare)


def _spend_remainder(fronts: Sequence[ParetoFront], selected: Sequence[int], spare: float) -> list[int]:
    """Repeat the upgrade that solves most additional problems for as long as `spare` can pay for one.

    So the most accurate points of all bins are selected whenever the budget covers them together.
    """
    indices = list(selected)
    while True:
        spent = math.fsum(_extra_cost(front[0], front[index]) for front, index in zip(fronts, indices, strict=True))
        affordable = [
            (point.problems * (point.accuracy - front[indices[bin_index]].accuracy), bin_index, index)
            for bin_index, front in enumerate(fronts)
            for index, point in enumerate(front)
            if index > indices[bin_index] and _extra_cost(front[indices[bin_index]], point) <= spare - spent
        ]
        if not affordable:
            return indices
        _, bin_index, index = max(affordable)
        indices[bin_index] = index


def _extra_cost(low: PolicyPoint, high: PolicyPoint) -> float:
    """Return how much more the problems of a bin cost at the more expensive point."""
    return high.problems * (high.cost - low.cost)


def _item(problems: int, accuracy: float, extra_cost: float, spare: float) -> KnapsackItem:
    return KnapsackItem(problems * accuracy, math.ceil(problems * extra_cost / spare * _RESOLUTION))


SELECTORS: Mapping[BudgetScope, PointSelector] = MappingProxyType(
    {"per_bin": select_per_bin, "on_average": select_on_average}
)
"""The selector of each budget scope."""


def required_budget(points: Sequence[PolicyPoint], budget_scope: BudgetScope) -> float:
    """Return the budget per question that covers one point of each bin: the maximum cost, or the mean of all."""
    if budget_scope == "per_bin":
        return max(point.cost for point in points)
    return math.fsum(point.problems * point.cost for point in points) / sum(point.problems for point in points)
