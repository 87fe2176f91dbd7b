"""The measure of ProcessBench: docs/reference/algorithms.md 6.3 and 11.3 (baselines)."""

import math
from collections.abc import Callable
from typing import Any

import pytest

from its_graph.errors import ConfigurationError
from its_graph.prm.training.processbench import (
    NO_ERROR,
    ProcessBenchScore,
    best_threshold,
    first_below,
    processbench_score,
)

Rows = list[dict[str, Any]]


def test_f1_is_the_harmonic_mean() -> None:
    """Reference 6.3."""
    assert ProcessBenchScore(0.5, 1.0).f1 == pytest.approx(0.666667, abs=1e-6)
    assert ProcessBenchScore(0.0, 0.0).f1 == 0.0


@pytest.mark.parametrize(
    ("predict", "erroneous", "correct", "f1"),
    [
        (lambda row: NO_ERROR, 0.0, 1.0, 0.0),
        (lambda row: 0, 0.178744, 0.0, 0.0),
        (lambda row: NO_ERROR if row["final_answer_correct"] else 0, 0.159420, 1.0, 0.275),
        (lambda row: NO_ERROR if row["final_answer_correct"] else len(row["steps"]) - 1, 0.072464, 1.0, 0.135135),
    ],
    ids=["never", "first step", "outcome, first step", "outcome, last step"],
)
def test_the_baselines_of_the_recorded_subset(
    data_rows: Callable[[str], Rows],
    predict: Callable[[dict[str, Any]], int],
    erroneous: float,
    correct: float,
    f1: float,
) -> None:
    """Reference 11.3: exact figures on 400 rows; a reward model must beat the third."""
    rows = data_rows("processbench_gsm8k.jsonl")
    score = processbench_score([predict(row) for row in rows], [row["label"] for row in rows])
    assert score == pytest.approx((erroneous, correct), abs=1e-6)
    assert score.f1 == pytest.approx(f1, abs=1e-6)


def test_the_first_low_step_is_predicted_and_missing_scores_are_skipped() -> None:
    assert first_below([0.9, None, 0.4, 0.1], 0.5) == 2
    assert first_below([0.9, None], 0.5) == NO_ERROR
    assert first_below([0.5], 0.5) == NO_ERROR


def test_the_best_threshold_separates_right_from_wrong() -> None:
    rows: list[list[float | None]] = [[0.9, 0.8], [0.9, 0.3], [0.7, 0.2], [0.95, None]]
    labels = [NO_ERROR, 1, 1, NO_ERROR]
    threshold = best_threshold(rows, labels)
    assert 0.3 < threshold <= 0.7
    assert processbench_score([first_below(row, threshold) for row in rows], labels).f1 == 1.0
    assert best_threshold([[0.1, 0.1], [math.nan, 0.9]], [0, NO_ERROR]) == 0.9


def test_invalid_predictions_are_rejected() -> None:
    with pytest.raises(ConfigurationError, match="2 predictions for 1 labels"):
        processbench_score([0, 1], [0])
    with pytest.raises(ConfigurationError, match="some solutions with a wrong step and some without"):
        processbench_score([0], [0])
