"""Two ways to keep to a budget: in each bin, or on average over all questions.

Both choose a rung of every bin's ladder. In each bin: no bin costs more than the budget in the mean, which is the
promise to a user who waits for one answer. On average: hard bins may cost more than the budget where that helps and
easy ones less, as long as the mean over all questions is within it. That is a multiple-choice knapsack over the bins,
and it buys more for the same compute.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import TypeAlias

from its_graph.allocation.knapsack import KnapsackItem, exact_knapsack
from its_graph.routing.pareto_front import ParetoFront
from its_graph.routing.policy import BudgetScope, PolicyPoint

__all__ = ["SELECTORS", "PointSelector", "select_per_bin", "required_budget", "select_on_average"]

PointSelector: TypeAlias = Callable[[Sequence[ParetoFront], float], list[int]]
"""(a ladder for each bin, budget for a question) -> the chosen rung of each; the lowest ones where nothing fits."""

_GRAINS = 400
"""Parts into which the knapsack cuts what is left after the lowest rungs; costs are rounded up to whole ones, and what
that leaves is spent by true costs."""


def select_per_bin(ladders: Sequence[ParetoFront], budget: float) -> list[int]:
    """Choose in each bin the highest rung whose mean cost is within the budget."""
    return [max((place for place, rung in enumerate(one) if rung.cost <= budget), default=0) for one in ladders]


def select_on_average(ladders: Sequence[ParetoFront], budget: float) -> list[int]:
    """Choose the rungs that solve most problems while the mean cost over all problems is within the budget."""
    problems = sum(ladder[0].problems for ladder in ladders)
    spare = budget * problems - math.fsum(ladder[0].problems * ladder[0].cost for ladder in ladders)
    if spare <= 0:
        return [0] * len(ladders)
    menus = [[_option(rung.problems, rung.accuracy, rung.cost - one[0].cost, spare) for rung in one] for one in ladders]
    return _climbed(ladders, exact_knapsack(menus, _GRAINS), spare)


def _climbed(ladders: Sequence[ParetoFront], chosen: Sequence[int], spare: float) -> list[int]:
    """Go on to the rung that solves most more of all that `spare` can still pay, and again, until it can pay none.

    So the highest rungs of all bins are taken wherever they can be paid together.
    """
    places = list(chosen)
    while True:
        left = spare - math.fsum(_more(one[0], one[place]) for one, place in zip(ladders, places, strict=True))
        payable = [
            (rung.problems * (rung.accuracy - one[places[which]].accuracy), which, place)
            for which, one in enumerate(ladders)
            for place, rung in enumerate(one)
            if place > places[which] and _more(one[places[which]], rung) <= left
        ]
        if not payable:
            return places
        _, which, place = max(payable)
        places[which] = place


def _more(low: PolicyPoint, high: PolicyPoint) -> float:
    """Return what the problems of a bin cost more on a higher rung."""
    return high.problems * (high.cost - low.cost)


def _option(problems: int, accuracy: float, more: float, spare: float) -> KnapsackItem:
    return KnapsackItem(problems * accuracy, math.ceil(problems * more / spare * _GRAINS))


SELECTORS: Mapping[BudgetScope, PointSelector] = MappingProxyType({"per_bin": select_per_bin, "select_on_average": select_on_average})
"""The rules by the name under which a policy keeps them."""


def required_budget(points: Sequence[PolicyPoint], budget_scope: BudgetScope) -> float:
    """Return what a budget for a question has to pay, given a setting of each bin: the dearest, or the mean of all."""
    if budget_scope == "per_bin":
        return max(one.cost for one in points)
    return math.fsum(one.problems * one.cost for one in points) / sum(one.problems for one in points)
