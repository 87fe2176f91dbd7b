"""How well step scores find the first wrong step: the metric of ProcessBench (Zheng et al. 2412.06559, section 3).

A prediction is the index of the first wrong step of a solution, -1 for none. a1 is the share of wrong solutions whose
first wrong step is predicted, a2 the share of right solutions predicted right, and F1 their harmonic mean.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

from its_graph.errors import ConfigurationError

__all__ = ["NO_ERROR", "ProcessBenchScore", "best_threshold", "first_below", "processbench_score"]

NO_ERROR = -1
"""The prediction, or label, of a solution without a wrong step."""


class ProcessBenchScore(NamedTuple):
    """Accuracy on wrong and on right solutions, in [0, 1]."""

    erroneous: float
    """a1: share of wrong solutions whose first wrong step was predicted."""
    correct: float
    """a2: share of right solutions that were predicted right."""

    @property
    def f1(self) -> float:
        """Harmonic mean of both; 0 if both are 0."""
        both = self.erroneous + self.correct
        return 2 * self.erroneous * self.correct / both if both else 0.0


def processbench_score(predicted: Sequence[int], labels: Sequence[int]) -> ProcessBenchScore:
    """Compare predictions with labels.

    Args:
        predicted: index of the first wrong step of each solution, -1 for none.
        labels: the true indices.

    Raises:
        ConfigurationError: they differ in number, or the labels do not contain both kinds of solution.

    Example:
        >>> from its_graph.prm.training.processbench import processbench_score
        >>> processbench_score([1, 0, -1], [1, 2, -1]).erroneous
        0.5
    """
    if len(predicted) != len(labels):
        raise ConfigurationError(
            f"There must be one prediction per label; got {len(predicted)} predictions for {len(labels)} labels."
        )
    hits: dict[bool, list[bool]] = {True: [], False: []}
    for prediction, label in zip(predicted, labels, strict=True):
        hits[label == NO_ERROR].append(prediction == label)
    if not all(hits.values()):
        raise ConfigurationError("F1 needs some solutions with a wrong step and some without; got only one kind.")
    return ProcessBenchScore(*(sum(hits[right]) / len(hits[right]) for right in (False, True)))


def first_below(scores: Sequence[float | None], threshold: float) -> int:
    """Return the index of the first step whose score is below `threshold`, -1 if none; missing scores are skipped."""
    wrong = (index for index, score in enumerate(scores) if score is not None and score < threshold)
    return next(wrong, NO_ERROR)


def best_threshold(rows: Sequence[Sequence[float | None]], labels: Sequence[int]) -> float:
    """Return the threshold with the best F1, the lowest one if tied. Tune it on other problems than you report."""
    finite = sorted({score for row in rows for score in row if score is not None and math.isfinite(score)})

    def f1(threshold: float) -> float:
        return processbench_score([first_below(row, threshold) for row in rows], labels).f1

    return max([*finite, math.inf], key=f1)
