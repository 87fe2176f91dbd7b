"""One strategy for each problem out of a menu of (value, cost): a multiple-choice knapsack."""

import itertools
from collections.abc import Sequence
from typing import NamedTuple

from its_graph.errors import ConfigurationError

__all__ = ["Option", "by_menu_hull", "exact_menu"]


class Option(NamedTuple):
    """A strategy with its settings, as a problem sees it."""

    value: float
    """Chance that it solves the problem."""
    cost: int
    """In the unit of the budget."""


def exact_menu(menus: Sequence[Sequence[Option]], budget: int) -> list[int]:
    """Return the place of the chosen option of each menu, best in sum; O(problems x budget x options).

    Raises:
        ConfigurationError: the cheapest options together cost more than the budget.
    """
    _check(menus, budget)
    best = [0.0] * (budget + 1)
    choices: list[list[int]] = []
    for menu in menus:
        row = [
            max(
                (
                    (best[left - option.cost] + option.value, -place)
                    for place, option in enumerate(menu)
                    if option.cost <= left
                ),
                default=(-float("inf"), 0),
            )
            for left in range(budget + 1)
        ]
        best, picked = [value for value, _ in row], [-place for _, place in row]
        choices.append(picked)
    chosen, left = [0] * len(menus), budget
    for place in range(len(menus) - 1, -1, -1):
        chosen[place] = choices[place][left]
        left -= menus[place][chosen[place]].cost
    return chosen


def by_menu_hull(menus: Sequence[Sequence[Option]], budget: int) -> list[int]:
    """Return a choice along the upper hull of each menu: greedy by value for cost, then what else still fits.

    The relaxation's optimum but for one problem, in O(options log options); for many thousands of problems.
    """
    _check(menus, budget)
    hulls = [_hull(menu) for menu in menus]
    chosen = [hull[0] for hull in hulls]
    left = budget - sum(menu[place].cost for menu, place in zip(menus, chosen, strict=True))
    steps = sorted(
        (
            ((menu[b].value - menu[a].value) / (menu[b].cost - menu[a].cost), which, a, b)
            for which, (menu, hull) in enumerate(zip(menus, hulls, strict=True))
            for a, b in itertools.pairwise(hull)
        ),
        key=lambda step: (-step[0], step[1]),
    )
    for _, which, a, b in steps:
        price = menus[which][b].cost - menus[which][a].cost
        if chosen[which] == a and price <= left:
            chosen[which] = b
            left -= price
    return _with_leftover(menus, chosen, left)


def _with_leftover(menus: Sequence[Sequence[Option]], chosen: list[int], left: int) -> list[int]:
    """Spend what is left on the single changes that still fit, the most valuable first."""
    changes = sorted(
        (-(option.value - menu[chosen[which]].value), which, place)
        for which, menu in enumerate(menus)
        for place, option in enumerate(menu)
        if option.value > menu[chosen[which]].value
    )
    changed: set[int] = set()
    for _, which, place in changes:
        price = menus[which][place].cost - menus[which][chosen[which]].cost
        if which not in changed and price <= left:
            left -= price
            chosen[which] = place
            changed.add(which)
    return chosen


def _hull(menu: Sequence[Option]) -> list[int]:
    """Return the places of a menu on its upper hull, the cheapest first."""
    hull: list[int] = []
    for place in sorted(range(len(menu)), key=lambda place: (menu[place].cost, -menu[place].value)):
        option = menu[place]
        if hull and option.value <= menu[hull[-1]].value:
            continue
        while len(hull) > 1:
            a, b = menu[hull[-2]], menu[hull[-1]]
            if (b.value - a.value) * (option.cost - b.cost) > (option.value - b.value) * (b.cost - a.cost):
                break
            hull.pop()
        hull.append(place)
    return hull


def _check(menus: Sequence[Sequence[Option]], budget: int) -> None:
    if any(not menu for menu in menus):
        raise ConfigurationError("A menu is empty; give every problem at least one option.")
    least = sum(min(option.cost for option in menu) for menu in menus)
    if least > budget:
        raise ConfigurationError(f"The cheapest options cost {least} together, the budget is {budget}.")
