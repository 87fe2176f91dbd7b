"""A plan out of a fitted policy: its measured curves are the menus of a multiple-choice knapsack."""

from bisect import bisect_right
from math import ceil
from typing import TypeAlias

from its_graph.allocation.menus import Option, by_menu_hull
from its_graph.batch.plans import pilots_first
from its_graph.batch.records import Move, Plan, Standing, View
from its_graph.errors import ConfigurationError
from its_graph.registry import strategy
from its_graph.routing.policy import Point, Policy
from its_graph.setting import Setting

__all__ = ["menu"]

_Curve: TypeAlias = list[tuple[int, float]]
"""Samples, ascending, and the accuracy with so many."""


def menu(policy: Policy) -> Plan:
    """Choose for each problem how many samples it gets, by what they brought problems of its difficulty.

    Difficulty is read from all samples so far, as the policy reads it from the pilots: with a verifier if that is its
    estimator, without one if it is agreement. What is left is divided again. Only settings whose samples are
    independent (`single`, `self_consistency`, `best_of_n`) are on the menu: another search cannot go on from pilots.

    Raises:
        ConfigurationError: the policy was not fitted, reads difficulty from no samples, or has a bin without any such
            setting.
    """
    if policy.estimator not in ("verifier", "agreement"):
        raise ConfigurationError(
            f"A menu goes by samples; this policy reads difficulty by {policy.estimator}. "
            "Calibrate one with the estimator verifier or agreement."
        )
    curves = [_curve(points) for points in policy.curves]
    if not curves or not all(curves):
        raise ConfigurationError(
            "A menu needs measured curves of single, self_consistency or best_of_n in every bin of its policy. "
            "Make one with `its-graph calibrate`."
        )

    def plan(view: View) -> list[Move]:
        if moves := pilots_first(view, max(1, policy.pilots)):
            return moves
        rows = list(view.open.items())
        menus = [_steps(curves[policy.bin_of(one.difficulty)], one) for _, one in rows]
        priced = [
            [Option(value, ceil(more * view.costs[number])) for more, value in steps]
            for (number, _), steps in zip(rows, menus, strict=True)
        ]
        chosen = by_menu_hull(priced, max(0, int(view.left)))
        more = [steps[place][0] for steps, place in zip(menus, chosen, strict=True)]
        return [
            Move(number, one.samples + extra, None if extra else "allocation")
            for (number, one), extra in zip(rows, more, strict=True)
        ]

    return plan


def _curve(points: tuple[Point, ...]) -> _Curve:
    return sorted((n, point.accuracy) for point in points if (n := _samples(point.setting)) is not None)


def _samples(setting: Setting) -> int | None:
    """Return how many independent samples a setting draws; None for another kind of search."""
    if setting.strategy == "single":
        return 1
    if setting.strategy not in ("self_consistency", "best_of_n") or set(setting.options) - {"n"}:
        return None
    return int(setting.options.get("n", strategy(setting.strategy).options["n"]))


def _steps(curve: _Curve, standing: Standing) -> _Curve:
    """Return what can be had: (further samples, accuracy), none at all first."""
    reached = bisect_right(curve, (standing.samples, float("inf")))
    now = curve[reached - 1][1] if reached else 0.0
    return [(0, now), *((n - standing.samples, accuracy) for n, accuracy in curve[reached:])]
