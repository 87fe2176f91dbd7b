"""Samples for many problems: greedy where curves are concave, exact or by concave hulls where they are not."""

import itertools
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from its_graph.allocation.curves import Curves, marginals
from its_graph.errors import ConfigurationError

__all__ = ["by_hull", "continuous", "exact", "expected_solved", "greedy"]

Counts = NDArray[np.int64]
_SLACK = 1e-12
"""Rounding of a curve's values that does not make it other than concave."""


def greedy(curves: Curves, budget: int) -> Counts:
    """Give every sample to the problem where it is worth most: optimal for concave curves at unit costs.

    Instead of a heap, the `budget`-th largest of all marginals is found at once: 100,000 problems take about a second.
    Samples that are worth nothing are not drawn.

    Args:
        curves: [problems, most + 1], concave: marginals never rise.
        budget: samples in all.

    Raises:
        ConfigurationError: a curve is not concave (greedy would be wrong: take `exact` or `by_hull`).
    """
    gains = marginals(curves)
    if (np.diff(gains, axis=1) > _SLACK).any():
        raise ConfigurationError("A curve is not concave, so greedy would be wrong. Take `exact` or `by_hull`.")
    worth = np.maximum(gains, 0.0)
    wanted = min(_budget(budget), int((worth > 0).sum()))
    if wanted == 0:
        return np.zeros(len(curves), dtype=np.int64)
    threshold = np.partition(worth, worth.size - wanted, axis=None)[worth.size - wanted]
    counts: Counts = (worth > threshold).sum(axis=1)
    # Ties at the threshold: earlier problems first, and of one problem as many as are tied.
    tied = (worth == threshold).sum(axis=1)
    left = wanted - int(counts.sum())
    before = np.concatenate([[0], np.cumsum(tied)[:-1]])
    counts += np.clip(left - before, 0, tied)
    return counts


def exact(curves: Curves, budget: int, costs: Sequence[int] | None = None) -> Counts:
    """Return the best integer allocation for any curves and integer costs by dynamic programming.

    O(problems x budget x most): for tens of problems, or to check others by.

    Args:
        curves: [problems, most + 1].
        budget: in the unit of `costs`.
        costs: of one sample of each problem, at least 1; 1 unless given.
    """
    prices = [1] * len(curves) if costs is None else list(costs)
    if len(prices) != len(curves) or any(price < 1 for price in prices):
        raise ConfigurationError(
            f"Every problem needs a cost of at least 1, given {prices} for {len(curves)} problems."
        )
    best = np.zeros(_budget(budget) + 1)
    choices = []
    for curve, price in zip(curves, prices, strict=True):
        options = np.full((len(curve), len(best)), -np.inf)
        for n in range(min(len(curve) - 1, budget // price) + 1):
            options[n, n * price :] = best[: len(best) - n * price] + curve[n]
        choices.append(options.argmax(axis=0))
        best = options.max(axis=0)
    counts, left = np.zeros(len(curves), dtype=np.int64), budget
    for place in range(len(curves) - 1, -1, -1):
        counts[place] = choices[place][left]
        left -= int(counts[place]) * prices[place]
    return counts


def by_hull(curves: Curves, budget: int) -> Counts:
    """Allocate greedily along each curve's concave hull, in whole jumps from corner to corner.

    For curves that are not concave (votes, measured ones). A jump that no longer fits is passed over for the next best.
    """
    jumps = []
    for place, curve in enumerate(curves):
        corners = _corners(curve)
        for start, end in itertools.pairwise(corners):
            jumps.append(((curve[end] - curve[start]) / (end - start), place, start, end))
    counts, left = np.zeros(len(curves), dtype=np.int64), _budget(budget)
    for slope, place, start, end in sorted(jumps, key=lambda jump: (-jump[0], jump[1], jump[2])):
        if slope > 0 and counts[place] == start and end - start <= left:
            counts[place] = end
            left -= end - start
    return counts


def continuous(
    p: Sequence[float], budget: float, costs: Sequence[float] | None = None
) -> tuple[NDArray[np.float64], float]:
    """Solve the relaxation for known chances: n = max(0, ln(a / (t lambda)) / a) with a = -ln(1-p).

    Lambda, the worth of a little more budget, is found by bisection. A problem that is solved for certain gets one
    sample, one that never is gets none.

    Returns:
        Samples of each problem, and lambda.
    """
    chances, prices = np.asarray(p, dtype=np.float64), np.ones(len(p)) if costs is None else np.asarray(costs, float)
    certain, open_ = chances >= 1, (chances > 0) & (chances < 1)
    rates = -np.log1p(-np.where(open_, chances, 0.5))

    def samples(multiplier: float) -> NDArray[np.float64]:
        wanted = np.log(rates / (prices * multiplier)) / rates
        return np.where(certain, 1.0, np.where(open_, np.maximum(wanted, 0.0), 0.0))

    low, high = 1e-300, float((rates / prices).max(initial=1.0))
    for _ in range(200):
        middle = (low * high) ** 0.5
        low, high = (middle, high) if (samples(middle) * prices).sum() > budget else (low, middle)
    return samples(high), high


def expected_solved(curves: Curves, counts: Sequence[int] | Counts) -> float:
    """Return the expected number of solved problems of an allocation."""
    return float(curves[np.arange(len(curves)), np.asarray(counts)].sum())


def _corners(curve: NDArray[np.float64]) -> list[int]:
    """Return where the concave hull of a curve touches it (Andrew's monotone chain), 0 first."""
    corners: list[int] = []
    for n in range(len(curve)):
        while len(corners) > 1:
            first, last = corners[-2:]
            if (curve[last] - curve[first]) * (n - last) > (curve[n] - curve[last]) * (last - first):
                break
            corners.pop()
        corners.append(n)
    return corners


def _budget(budget: int) -> int:
    if budget < 0:
        raise ConfigurationError(f"A budget cannot be negative, given {budget}.")
    return budget
