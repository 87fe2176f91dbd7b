"""Metrics of budget forcing: how well a method controls the length of thinking, and its benefit (s1, 2501.19393, 3.2).

Pure functions of measured runs. s1 plots accuracy against thinking tokens, one point per budget, and reads three
figures off the plot.
"""

from collections.abc import Sequence
from itertools import combinations
from typing import NamedTuple

from its_graph.errors import ConfigurationError

__all__ = ["ForcedRun", "control", "performance", "scaling"]


class ForcedRun(NamedTuple):
    """One evaluation under one budget."""

    budget: int
    """Upper limit of thinking tokens."""
    thinking_tokens: float
    """Mean thinking tokens used."""
    accuracy: float
    """Share of correct answers, in [0, 1]."""
    floor: int = 0
    """Lower limit of thinking tokens."""


def control(runs: Sequence[ForcedRun]) -> float:
    """Return the share of runs whose thinking tokens are within their limits, inclusive, in [0, 1]."""
    _require_runs(runs)
    return sum(run.floor <= run.thinking_tokens <= run.budget for run in runs) / len(runs)


def scaling(runs: Sequence[ForcedRun]) -> float:
    """Return the mean slope over all pairs of runs, in accuracy per thinking token; positive for a useful method.

    Pairs of equal length have no slope and do not count.

    Raises:
        ConfigurationError: no two runs differ in length.
    """
    slopes = [
        (second.accuracy - first.accuracy) / (second.thinking_tokens - first.thinking_tokens)
        for first, second in combinations(runs, 2)
        if first.thinking_tokens != second.thinking_tokens
    ]
    if not slopes:
        raise ConfigurationError(
            f"A slope needs runs of different length; got {len(runs)} runs of equal length. Evaluate more budgets."
        )
    return sum(slopes) / len(slopes)


def performance(runs: Sequence[ForcedRun]) -> float:
    """Return the best accuracy of all runs, in [0, 1]."""
    _require_runs(runs)
    return max(run.accuracy for run in runs)


def _require_runs(runs: Sequence[ForcedRun]) -> None:
    if not runs:
        raise ConfigurationError("The metric needs at least one ForcedRun; got none.")
