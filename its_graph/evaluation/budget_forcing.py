"""How well a method controls the length of thinking, and what it gains by it (s1, 2501.19393, section 3.2).

Pure functions over measured runs; s1 plots accuracy against thinking tokens, a point for each budget, and reads three
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
    """Most thinking tokens that were allowed."""
    thinking_tokens: float
    """Thinking tokens that were used, on average."""
    accuracy: float
    """Share of right answers, in [0, 1]."""
    floor: int = 0
    """Fewest thinking tokens that were asked for."""


def control(runs: Sequence[ForcedRun]) -> float:
    """Return the share of runs whose thinking is within its limits, both included, in [0, 1]."""
    _require_runs(runs)
    return sum(run.floor <= run.thinking_tokens <= run.budget for run in runs) / len(runs)


def scaling(runs: Sequence[ForcedRun]) -> float:
    """Return the mean slope over all pairs of runs, in accuracy per thinking token; a useful method has a positive one.

    Pairs of equal length have no slope and do not count.

    Raises:
        ConfigurationError: if no two runs differ in length.
    """
    slopes = [
        (second.accuracy - first.accuracy) / (second.thinking_tokens - first.thinking_tokens)
        for first, second in combinations(runs, 2)
        if first.thinking_tokens != second.thinking_tokens
    ]
    if not slopes:
        raise ConfigurationError(
            f"A slope needs runs of different length; given: {len(runs)} runs, all of one. Evaluate under more budgets."
        )
    return sum(slopes) / len(slopes)


def performance(runs: Sequence[ForcedRun]) -> float:
    """Return the best accuracy of all runs, in [0, 1]."""
    _require_runs(runs)
    return max(run.accuracy for run in runs)


def _require_runs(runs: Sequence[ForcedRun]) -> None:
    if not runs:
        raise ConfigurationError("There is no run to measure: expected one ForcedRun for each budget.")
