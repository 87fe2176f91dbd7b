"""A plan out of a fitted policy: its measured curves are the menus of a multiple-choice knapsack."""

from bisect import bisect_right
from math import ceil
from typing import TypeAlias

from its_graph.allocation.knapsack import Option, by_menu_hull
from its_graph.batch.plans import pilots_first
from its_graph.batch.records import Allocation, AllocationPlan, BatchView, ProblemStats
from its_graph.batch.search import strategy_of
from its_graph.catalog.registry import strategy
from its_graph.catalog.strategy_config import StrategyConfig
from its_graph.contracts import Verifier
from its_graph.errors import ConfigurationError
from its_graph.routing.policy import Policy, PolicyPoint

__all__ = ["policy_plan"]

_Curve: TypeAlias = list[tuple[int, float]]
"""Samples, ascending, and the accuracy with so many."""


def policy_plan(policy: Policy, verifier: Verifier | None) -> AllocationPlan:
    """Choose for each problem how many samples it gets, by what they brought problems of its difficulty.

    Difficulty is read from all samples so far, just as the policy reads it from the pilots. What is left is divided
    again. On the menu are `single` and what the batch does, best_of_n with a verifier and self_consistency without:
    no other search can go on from the pilots.

    Args:
        policy: fitted, with the estimator verifier, or for a batch without a verifier with agreement.
        verifier: the batch's.

    Raises:
        ConfigurationError: the policy was not fitted, goes by another estimator, or has a bin in which what the batch
            does was not measured.
    """
    own, estimator = strategy_of(verifier), "verifier" if verifier else "agreement"
    if policy.estimator != estimator:
        raise ConfigurationError(
            f"This policy reads difficulty by {policy.estimator}; a batch that does {own} reads it by {estimator}. "
            "Give or leave out the verifier as the policy was fitted, or make a policy with "
            f"`its-graph calibrate --estimator {estimator}`."
        )
    curves = [_curve(points, own) for points in policy.curves]
    if not curves or not all(curve and curve[-1][0] > 1 for curve in curves):
        raise ConfigurationError(
            f"This batch does {own}, so its menu needs measured curves of {own} in every bin of the policy. "
            f"Make one with `its-graph calibrate --strategies {own}`."
        )

    def plan(view: BatchView) -> list[Allocation]:
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
            Allocation(number, one.samples + extra, None if extra else "allocation")
            for (number, one), extra in zip(rows, more, strict=True)
        ]

    return plan


def _curve(points: tuple[PolicyPoint, ...], own: str) -> _Curve:
    alike = (point for point in points if point.setting.strategy in ("single", own))
    return sorted((n, point.accuracy) for point in alike if (n := _samples(point.setting)) is not None)


def _samples(setting: StrategyConfig) -> int | None:
    """Return how many samples a setting draws; None where options make them others than a batch's."""
    if set(setting.options) - {"n"}:
        return None
    if setting.strategy == "single":
        return 1
    return int(setting.options.get("n", strategy(setting.strategy).options["n"]))


def _steps(curve: _Curve, standing: ProblemStats) -> _Curve:
    """Return what can be had: (further samples, accuracy), none at all first."""
    reached = bisect_right(curve, (standing.samples, float("inf")))
    now = curve[reached - 1][1] if reached else 0.0
    return [(0, now), *((n - standing.samples, accuracy) for n, accuracy in curve[reached:])]
