"""A plan from a fitted policy: its measured curves are the menus of a multiple-choice knapsack."""

from bisect import bisect_right
from math import ceil
from typing import TypeAlias

from its_graph.allocation.knapsack import KnapsackItem, hull_knapsack
from its_graph.batch.plans import pilots_first
from its_graph.batch.search import batch_strategy
from its_graph.batch.types import Allocation, AllocationPlan, BatchView, ProblemStats
from its_graph.catalog.registry import strategy
from its_graph.catalog.strategy_config import StrategyConfig
from its_graph.contracts import Verifier
from its_graph.errors import ConfigurationError
from its_graph.routing.policy import Policy, PolicyPoint

__all__ = ["policy_plan"]

_Curve: TypeAlias = list[tuple[int, float]]
"""(samples, accuracy with that many), by ascending samples."""


def policy_plan(policy: Policy, verifier: Verifier | None) -> AllocationPlan:
    """Choose the number of samples of each problem by the accuracy they brought for problems of its difficulty.

    Difficulty is read from all samples so far, as the policy reads it from the pilots, and the remaining budget is
    divided again each time. The choices are `single` and the strategy of the batch (best_of_n with a verifier,
    self_consistency without): no other search can continue from the pilots.

    Args:
        policy: a fitted policy with the estimator `verifier`, or `agreement` for a batch without a verifier.
        verifier: the verifier of the batch; None decides by votes.

    Raises:
        ConfigurationError: the policy is not fitted, uses another estimator, or has a bin without measurements of the
            batch's strategy.

    Example:
        >>> from its_graph.batch import BatchView, ProblemStats, policy_plan
        >>> from its_graph.catalog.strategy_config import StrategyConfig
        >>> from its_graph.routing.policy import Policy, PolicyPoint
        >>> single = StrategyConfig(strategy="single")
        >>> votes = StrategyConfig(strategy="self_consistency", options={"n": 5})
        >>> curve = (
        ...     PolicyPoint(config=single, accuracy=0.3, cost=1, problems=9),
        ...     PolicyPoint(config=votes, accuracy=0.6, cost=5, problems=9),
        ... )
        >>> policy = Policy(
        ...     estimator="agreement", pilots=1, unit="tokens", thresholds=(), budgets=(5,), table=((votes,),),
        ...     curves=(curve,),
        ... )
        >>> policy_plan(policy, verifier=None)(BatchView({0: ProblemStats(1)}, {0: 1.0}, remaining=4.0))
        [Allocation(problem=0, samples=5, stop_reason=None)]
    """
    own, estimator = batch_strategy(verifier), "verifier" if verifier else "agreement"
    if policy.estimator != estimator:
        raise ConfigurationError(
            f"This policy reads difficulty by {policy.estimator}, but a {own} batch reads it by {estimator}. "
            "Use or omit the verifier as in the fit of the policy, or fit a policy with "
            f"`its-graph calibrate --estimator {estimator}`."
        )
    curves = [_curve(points, own) for points in policy.curves]
    if not curves or not all(curve and curve[-1][0] > 1 for curve in curves):
        raise ConfigurationError(
            f"A {own} batch needs measured curves of {own} in every bin of the policy. "
            f"Fit a policy with `its-graph calibrate --strategies {own}`."
        )

    def plan(view: BatchView) -> list[Allocation]:
        if allocations := pilots_first(view, max(1, policy.pilots)):
            return allocations
        rows = list(view.open.items())
        choices = [_choices(curves[policy.bin_of(stats.difficulty)], stats) for _, stats in rows]
        menus = [
            [KnapsackItem(accuracy, ceil(further * view.costs[problem])) for further, accuracy in row]
            for (problem, _), row in zip(rows, choices, strict=True)
        ]
        chosen = hull_knapsack(menus, max(0, int(view.remaining)))
        further_samples = [row[index][0] for row, index in zip(choices, chosen, strict=True)]
        return [
            Allocation(problem, stats.samples + further, None if further else "allocation")
            for (problem, stats), further in zip(rows, further_samples, strict=True)
        ]

    return plan


def _curve(points: tuple[PolicyPoint, ...], own: str) -> _Curve:
    comparable = (point for point in points if point.config.strategy in ("single", own))
    return sorted((n, point.accuracy) for point in comparable if (n := _samples(point.config)) is not None)


def _samples(config: StrategyConfig) -> int | None:
    """Return how many samples a config draws; None if its options make them differ from those of a batch."""
    if set(config.options) - {"n"}:
        return None
    if config.strategy == "single":
        return 1
    return int(config.options.get("n", strategy(config.strategy).options["n"]))


def _choices(curve: _Curve, stats: ProblemStats) -> _Curve:
    """Return the choices of a problem as (further samples, accuracy); the first is no further sample."""
    reached = bisect_right(curve, (stats.samples, float("inf")))
    accuracy_now = curve[reached - 1][1] if reached else 0.0
    return [(0, accuracy_now), *((n - stats.samples, accuracy) for n, accuracy in curve[reached:])]
