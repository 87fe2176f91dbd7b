"""Confidence of a model: the vectors of docs/reference/algorithms.md 1.5 and 1.6, and the edges of windows."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from its_graph.confidence import (
    Groups,
    bottom_groups,
    group_confidences,
    lowest_group,
    mean_confidence,
    percentile,
    self_certainty,
    tail,
    token_confidence,
)

CONFIDENCES = [4.0, 4.0, 1.0, 1.0, 4.0, 4.0]


@pytest.mark.parametrize(("probabilities", "confidence"), [((0.5, 0.25), 1.039721), ((0.9, 0.05), 1.550546)])
def test_token_confidence(probabilities: tuple[float, ...], confidence: float) -> None:
    """Reference 1.5: higher is more confident, a peaked distribution has unlikely runners-up."""
    assert token_confidence([math.log(p) for p in probabilities]) == pytest.approx(confidence, abs=1e-6)


@pytest.mark.parametrize(
    ("probabilities", "certainty"),
    [
        ((0.25, 0.25, 0.25, 0.25), 0.0),
        ((0.7, 0.1, 0.1, 0.1), 0.429813),
        ((0.97, 0.01, 0.01, 0.01), 2.075198),
    ],
)
def test_self_certainty(probabilities: tuple[float, ...], certainty: float) -> None:
    """Reference 1.6: V = 4."""
    assert self_certainty([math.log(p) for p in probabilities]) == pytest.approx(certainty, abs=1e-6)


def test_groups_and_trace_scores() -> None:
    """Reference 1.5: confs [4,4,1,1,4,4], W=2: groups [4,2.5,1,2.5,4], min 1, mean 3, tail-2 4."""
    assert group_confidences(CONFIDENCES, 2) == [4, 2.5, 1, 2.5, 4]
    assert lowest_group(2)(CONFIDENCES) == 1
    assert mean_confidence(CONFIDENCES) == 3
    assert tail(2)(CONFIDENCES) == 4
    assert tail(100)(CONFIDENCES) == 3


@pytest.mark.parametrize(("share", "score"), [(0.1, 1), (0.4, 1.75), (0.6, 2), (1.0, 2.8)])
def test_the_bottom_share_has_at_least_one_group(share: float, score: float) -> None:
    """Reference 1.5: bottom 10 % of groups (at least 1); groups [1, 2.5, 2.5, 4, 4]."""
    assert bottom_groups(2, share)(CONFIDENCES) == pytest.approx(score)


def test_a_trace_shorter_than_the_window_is_one_group() -> None:
    """Reference 1.5: fewer than W tokens: one group, the mean of all."""
    assert group_confidences([1.0, 2.0], 3) == [1.5]
    assert group_confidences([1.0, 2.0, 3.0], 3) == [2.0]
    assert lowest_group(3)([1.0, 2.0]) == bottom_groups(3)([1.0, 2.0]) == 1.5


def test_only_a_full_window_is_a_group_while_tokens_arrive() -> None:
    groups = Groups(3)
    assert [groups.add(confidence) for confidence in (1.0, 2.0, 3.0, 7.0)] == [None, None, 2.0, 4.0]


@given(st.lists(st.floats(0, 50), min_size=1, max_size=40), st.integers(1, 12))
def test_the_sliding_sum_is_the_mean_of_each_window(confidences: list[float], window: int) -> None:
    starts = range(max(len(confidences) - window + 1, 1))
    windows = [confidences[start : start + window] for start in starts]
    assert group_confidences(confidences, window) == pytest.approx([math.fsum(w) / len(w) for w in windows], abs=1e-9)


@pytest.mark.parametrize(("percent", "value"), [(10, 2.5), (90, 14.5), (0, 1), (100, 16), (50, 8.5)])
def test_percentile_is_linear_between_neighbors(percent: float, value: float) -> None:
    """Reference 1.5: warm-up minima 1..16: q=90 -> percentile(10) = 2.5; q=10 -> percentile(90) = 14.5."""
    assert percentile([float(number) for number in range(16, 0, -1)], percent) == pytest.approx(value)


def test_percentile_of_one_value_is_that_value() -> None:
    assert percentile([3.0], 10) == percentile([3.0], 100) == 3.0
