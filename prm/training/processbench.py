"""How well step scores find the first wrong step: the measure of ProcessBench (Zheng et al. 2412.06559, section 3).

A prediction names the first wrong step of a solution, -1 for none. a1 is the share of wrong solutions whose first wrong
step is named, a2 that of right ones called right, and F1 their harmonic mean.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

from its_graph.errors import ConfigurationError

__all__ = ["NO_ERROR", "ProcessBenchScore", "best_threshold", "first_below", "processbench_score"]

NO_ERROR = -1
"""The prediction, or label, of a solution without a wrong step."""

StepScores = Sequence[float | None]


class ProcessBenchScore(NamedTuple):
    """Shares in [0, 1]."""

    erroneous: float
    """a1: wrong solutions whose first wrong step was named."""
    correct: float
    """a2: right solutions that were called right."""

    @property
    def f1(self) -> float:
        """The harmonic mean of both; 0 where both are 0."""
        both = self.erroneous + self.correct
        return 2 * self.erroneous * self.correct / both if both else 0.0


def processbench_score(predicted: Sequence[int], labels: Sequence[int]) -> ProcessBenchScore:
    """Compare predictions with labels, both the index of the first wrong step or -1.

    Raises:
        ConfigurationError: they differ in number, or the labels do not hold both kinds of solution.
    """
    if len(predicted) != len(labels):
        raise ConfigurationError(f"{len(predicted)} predictions for {len(labels)} labels; expected one for each.")
    hits: dict[bool, list[bool]] = {True: [], False: []}
    for guess, label in zip(predicted, labels, strict=True):
        hits[label == NO_ERROR].append(guess == label)
    if not all(hits.values()):
        raise ConfigurationError("All solutions are of one kind; F1 needs some with a wrong step and some without.")
    return ProcessBenchScore(*(sum(hits[right]) / len(hits[right]) for right in (False, True)))


def first_below(scores: StepScores, threshold: float) -> int:
    """Return the first step whose score is below `threshold`, -1 if none is; a missing score accuses nobody."""
    wrong = (place for place, score in enumerate(scores) if score is not None and score < threshold)
    return next(wrong, NO_ERROR)


def best_threshold(rows: Sequence[StepScores], labels: Sequence[int]) -> float:
    """Return the threshold with the best F1, the lowest of equals. Tune it on other problems than you report on."""
    found = sorted({score for row in rows for score in row if score is not None and math.isfinite(score)})
    candidates = [*found, math.inf]
    return max(candidates, key=lambda one: processbench_score([first_below(row, one) for row in rows], labels).f1)
