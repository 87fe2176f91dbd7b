"""Multiple-choice knapsack: choose one item for each problem among alternatives with a value and a cost."""

import itertools
from collections.abc import Sequence
from typing import NamedTuple

from its_graph.errors import ConfigurationError

__all__ = ["KnapsackItem", "exact_knapsack", "hull_knapsack"]


class KnapsackItem(NamedTuple):
    """One alternative for a problem, such as a strategy config.

    Args:
        value: probability that it solves the problem.
        cost: integer cost in the unit of the budget.

    Example:
        >>> from its_graph.allocation import KnapsackItem
        >>> KnapsackItem(value=0.9, cost=4)
        KnapsackItem(value=0.9, cost=4)
    """

    value: float
    cost: int


def exact_knapsack(menus: Sequence[Sequence[KnapsackItem]], budget: int) -> list[int]:
    """Choose one item of each menu so that the sum of values is maximal, by dynamic programming.

    Takes O(problems x budget x items).

    Args:
        menus: the items of each problem, at least one each.
        budget: upper limit of the sum of costs.

    Returns:
        The index of the chosen item in each menu.

    Raises:
        ConfigurationError: a menu is empty, or the cheapest items together cost more than the budget.

    Example:
        >>> from its_graph.allocation import KnapsackItem, exact_knapsack
        >>> easy = [KnapsackItem(0.9, 1), KnapsackItem(0.95, 4)]
        >>> hard = [KnapsackItem(0.2, 1), KnapsackItem(0.6, 4)]
        >>> exact_knapsack([easy, hard], budget=5)
        [0, 1]
    """
    _check(menus, budget)
    best = [0.0] * (budget + 1)
    choices: list[list[int]] = []
    for menu in menus:
        row = [
            max(
                (
                    (best[left - item.cost] + item.value, -index)  # the first of equal items wins
                    for index, item in enumerate(menu)
                    if item.cost <= left
                ),
                default=(-float("inf"), 0),
            )
            for left in range(budget + 1)
        ]
        best = [value for value, _ in row]
        choices.append([-negative_index for _, negative_index in row])
    chosen, left = [0] * len(menus), budget
    for problem in range(len(menus) - 1, -1, -1):
        chosen[problem] = choices[problem][left]
        left -= menus[problem][chosen[problem]].cost
    return chosen


def hull_knapsack(menus: Sequence[Sequence[KnapsackItem]], budget: int) -> list[int]:
    """Choose items along the upper hull of each menu, greedily by value per cost, then spend the remainder.

    Optimal for the linear relaxation except for one problem. Takes O(items log items), so it suits many thousands of
    problems.

    Args:
        menus: as in `exact_knapsack`.
        budget: as in `exact_knapsack`.

    Returns:
        The index of the chosen item in each menu.

    Raises:
        ConfigurationError: as in `exact_knapsack`.

    Example:
        >>> from its_graph.allocation import KnapsackItem, hull_knapsack
        >>> easy = [KnapsackItem(0.9, 1), KnapsackItem(0.95, 4)]
        >>> hard = [KnapsackItem(0.2, 1), KnapsackItem(0.6, 4)]
        >>> hull_knapsack([easy, hard], budget=8)
        [1, 1]
    """
    _check(menus, budget)
    hulls = [_hull(menu) for menu in menus]
    chosen = [hull[0] for hull in hulls]
    left = budget - sum(menu[index].cost for menu, index in zip(menus, chosen, strict=True))
    upgrades = sorted(
        (
            ((menu[b].value - menu[a].value) / (menu[b].cost - menu[a].cost), problem, a, b)
            for problem, (menu, hull) in enumerate(zip(menus, hulls, strict=True))
            for a, b in itertools.pairwise(hull)
        ),
        key=lambda upgrade: (-upgrade[0], upgrade[1]),
    )
    for _, problem, a, b in upgrades:
        cost = menus[problem][b].cost - menus[problem][a].cost
        if chosen[problem] == a and cost <= left:
            chosen[problem] = b
            left -= cost
    return _spend_remainder(menus, chosen, left)


def _spend_remainder(menus: Sequence[Sequence[KnapsackItem]], chosen: list[int], left: int) -> list[int]:
    """Apply the single upgrades that still fit, at most one per problem, the most valuable first."""
    upgrades = sorted(
        (-(item.value - menu[chosen[problem]].value), problem, index)
        for problem, menu in enumerate(menus)
        for index, item in enumerate(menu)
        if item.value > menu[chosen[problem]].value
    )
    upgraded: set[int] = set()
    for _, problem, index in upgrades:
        cost = menus[problem][index].cost - menus[problem][chosen[problem]].cost
        if problem not in upgraded and cost <= left:
            left -= cost
            chosen[problem] = index
            upgraded.add(problem)
    return chosen


def _hull(menu: Sequence[KnapsackItem]) -> list[int]:
    """Return the indices of the items on the upper hull of a menu, the cheapest first."""
    hull: list[int] = []
    for index in sorted(range(len(menu)), key=lambda index: (menu[index].cost, -menu[index].value)):
        item = menu[index]
        if hull and item.value <= menu[hull[-1]].value:
            continue
        while len(hull) > 1:
            a, b = menu[hull[-2]], menu[hull[-1]]
            if (b.value - a.value) * (item.cost - b.cost) > (item.value - b.value) * (b.cost - a.cost):
                break
            hull.pop()
        hull.append(index)
    return hull


def _check(menus: Sequence[Sequence[KnapsackItem]], budget: int) -> None:
    if not all(menus):
        raise ConfigurationError("Every menu must have at least one item; got an empty menu.")
    least = sum(min(item.cost for item in menu) for menu in menus)
    if least > budget:
        raise ConfigurationError(f"budget must cover the cheapest items, which cost {least} together; got {budget}.")
