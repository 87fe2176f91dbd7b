"""Allocations of samples to problems: greedy for concave curves, exact or along concave hulls for others."""

import itertools
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from its_graph.allocation.curves import Curves, marginals
from its_graph.errors import ConfigurationError

__all__ = ["continuous", "exact", "expected_solved", "greedy", "hull_greedy"]

Counts = NDArray[np.int64]
_TOLERANCE = 1e-12
"""Rounding error of curve values that does not violate concavity."""


def greedy(curves: Curves, budget: int) -> Counts:
    """Give each sample to the problem where its marginal value is largest: optimal for concave curves at unit costs.

    Instead of using a heap, it selects the `budget` largest of all marginals at once: 100,000 problems take about a
    second. Samples with no value are not drawn.

    Args:
        curves: [problems, max_samples + 1], concave: marginals never rise.
        budget: total number of samples, at least 0.

    Returns:
        The samples of each problem.

    Raises:
        ConfigurationError: a curve is not concave, or the budget is negative.

    Example:
        >>> from its_graph.allocation import coverage_curves, greedy
        >>> greedy(coverage_curves([0.9, 0.5, 0.2, 0.0], max_samples=8), budget=6).tolist()
        [1, 2, 3, 0]
    """
    gains = marginals(curves)
    if (np.diff(gains, axis=1) > _TOLERANCE).any():
        raise ConfigurationError("curves must be concave for greedy allocation. Use `exact` or `hull_greedy`.")
    values = np.maximum(gains, 0.0)
    wanted = min(_require_budget(budget), int((values > 0).sum()))
    if wanted == 0:
        return np.zeros(len(curves), dtype=np.int64)
    threshold = np.partition(values, values.size - wanted, axis=None)[values.size - wanted]
    counts: Counts = (values > threshold).sum(axis=1)
    # Ties at the threshold go to earlier problems first, all tied samples of a problem together.
    tied = (values == threshold).sum(axis=1)
    left = wanted - int(counts.sum())
    tied_before = np.concatenate([[0], np.cumsum(tied)[:-1]])
    counts += np.clip(left - tied_before, 0, tied)
    return counts


def exact(curves: Curves, budget: int, costs: Sequence[int] | None = None) -> Counts:
    """Return the optimal integer allocation for any curves and integer costs, by dynamic programming.

    Takes O(problems x budget x max_samples): suited to tens of problems, or to checking other solvers.

    Args:
        curves: [problems, max_samples + 1].
        budget: in the unit of `costs`, at least 0.
        costs: cost of one sample of each problem, at least 1; None means 1 for every problem.

    Returns:
        The samples of each problem.

    Raises:
        ConfigurationError: a cost is missing or below 1, or the budget is negative.

    Example:
        >>> from its_graph.allocation import exact, majority_curves
        >>> exact(majority_curves([0.9, 0.6], max_samples=9), budget=8).tolist()
        [3, 5]
    """
    sample_costs = [1] * len(curves) if costs is None else list(costs)
    if len(sample_costs) != len(curves) or any(cost < 1 for cost in sample_costs):
        raise ConfigurationError(
            f"Every problem needs a cost of at least 1; got {sample_costs} for {len(curves)} problems."
        )
    best = np.zeros(_require_budget(budget) + 1)
    choices = []
    for curve, cost in zip(curves, sample_costs, strict=True):
        options = np.full((len(curve), len(best)), -np.inf)
        for n in range(min(len(curve) - 1, budget // cost) + 1):
            options[n, n * cost :] = best[: len(best) - n * cost] + curve[n]
        choices.append(options.argmax(axis=0))
        best = options.max(axis=0)
    counts, left = np.zeros(len(curves), dtype=np.int64), budget
    for index in range(len(curves) - 1, -1, -1):
        counts[index] = choices[index][left]
        left -= int(counts[index]) * sample_costs[index]
    return counts


def hull_greedy(curves: Curves, budget: int) -> Counts:
    """Allocate greedily along the concave hull of each curve, in whole jumps from corner to corner.

    For curves that are not concave, such as majority votes or measured values. A jump that no longer fits is skipped in
    favor of the next best.

    Args:
        curves: [problems, max_samples + 1].
        budget: total number of samples, at least 0.

    Returns:
        The samples of each problem.

    Raises:
        ConfigurationError: the budget is negative.

    Example:
        >>> from its_graph.allocation import hull_greedy, majority_curves
        >>> hull_greedy(majority_curves([0.9, 0.6, 0.55, 0.3], max_samples=12), budget=12).tolist()
        [3, 7, 1, 1]
    """
    jumps = []
    for index, curve in enumerate(curves):
        for start, end in itertools.pairwise(_hull_corners(curve)):
            jumps.append(((curve[end] - curve[start]) / (end - start), index, start, end))
    counts, left = np.zeros(len(curves), dtype=np.int64), _require_budget(budget)
    for slope, index, start, end in sorted(jumps, key=lambda jump: (-jump[0], jump[1], jump[2])):
        if slope > 0 and counts[index] == start and end - start <= left:
            counts[index] = end
            left -= end - start
    return counts


def continuous(
    p: Sequence[float], budget: float, costs: Sequence[float] | None = None
) -> tuple[NDArray[np.float64], float]:
    """Solve the continuous relaxation for known success probabilities.

    n = max(0, ln(a / (t lambda)) / a) with a = -ln(1-p) and cost t. Bisection finds lambda, the value of one more unit
    of budget. A problem with p = 1 gets one sample; one with p = 0 gets none.

    Args:
        p: probability that a single sample of each problem is correct, in [0, 1].
        budget: in the unit of `costs`, above 0.
        costs: cost of one sample of each problem, above 0; None means 1 for every problem.

    Returns:
        The real-valued samples of each problem, and lambda.

    Example:
        >>> from its_graph.allocation import continuous
        >>> samples, multiplier = continuous([1.0, 0.0, 0.5], budget=3)
        >>> samples.round(6).tolist(), round(multiplier, 6)
        ([1.0, 0.0, 2.0], 0.173287)
    """
    probabilities = np.asarray(p, dtype=np.float64)
    sample_costs = np.ones(len(p)) if costs is None else np.asarray(costs, float)
    certain, uncertain = probabilities >= 1, (probabilities > 0) & (probabilities < 1)
    rates = -np.log1p(-np.where(uncertain, probabilities, 0.5))

    def samples(multiplier: float) -> NDArray[np.float64]:
        wanted = np.log(rates / (sample_costs * multiplier)) / rates
        return np.where(certain, 1.0, np.where(uncertain, np.maximum(wanted, 0.0), 0.0))

    low, high = 1e-300, float((rates / sample_costs).max(initial=1.0))
    for _ in range(200):
        middle = (low * high) ** 0.5
        low, high = (middle, high) if (samples(middle) * sample_costs).sum() > budget else (low, middle)
    return samples(high), high


def expected_solved(curves: Curves, counts: Sequence[int] | Counts) -> float:
    """Return the expected number of solved problems of an allocation.

    Args:
        curves: [problems, max_samples + 1].
        counts: samples of each problem, at most max_samples.

    Example:
        >>> from its_graph.allocation import coverage_curves, expected_solved
        >>> expected_solved(coverage_curves([0.5, 0.5], max_samples=4), [1, 2])
        1.25
    """
    return float(curves[np.arange(len(curves)), np.asarray(counts)].sum())


def _hull_corners(curve: NDArray[np.float64]) -> list[int]:
    """Return the sample counts where the concave hull touches the curve (Andrew's monotone chain), 0 first."""
    corners: list[int] = []
    for n in range(len(curve)):
        while len(corners) > 1:
            first, last = corners[-2:]
            if (curve[last] - curve[first]) * (n - last) > (curve[n] - curve[last]) * (last - first):
                break
            corners.pop()
        corners.append(n)
    return corners


def _require_budget(budget: int) -> int:
    if budget < 0:
        raise ConfigurationError(f"budget must be >= 0; got {budget}.")
    return budget
