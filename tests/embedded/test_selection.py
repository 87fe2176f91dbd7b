"""Selection rules on a pool, by hand."""

import pytest

from its_graph.embedded.selection import (
    SolutionPool,
    best_of_n_accuracy,
    majority_accuracy,
    paired_bootstrap,
    pass_at_n,
    random_score_accuracy,
    single_sample_accuracy,
    weighted_vote_accuracy,
)

POOL = SolutionPool("5", ("a", "a", "b", "c", "d"), ("5", "5", "7", "7", "7"), (3, 3, 3, 3, 3))
SCORES = (0.9, 0.9, 0.5, 0.5, 0.5)


def test_rules_by_hand() -> None:
    assert single_sample_accuracy(POOL) == pytest.approx(0.4)
    assert pass_at_n(POOL) == 1
    assert majority_accuracy(POOL) == 0
    assert best_of_n_accuracy(POOL, SCORES) == 1
    assert weighted_vote_accuracy(POOL, SCORES) == 1  # 1.8 against 1.5: multiplicity counts
    assert weighted_vote_accuracy(POOL.first(1), SCORES) == 1


def test_random_score_is_low_if_right_texts_are_equal() -> None:
    assert random_score_accuracy(POOL) == pytest.approx(1 / 4)


def test_missing_answers_do_not_vote() -> None:
    pool = SolutionPool("5", ("a", "b", "c"), (None, None, "5"), (1, 1, 1))
    assert majority_accuracy(pool) == 1
    assert weighted_vote_accuracy(pool, (0.9, 0.9, 0.1)) == 1
    assert pass_at_n(SolutionPool("5", ("a",), (None,), (1,))) == 0


def test_ties_go_to_the_first() -> None:
    pool = SolutionPool("5", ("a", "b"), ("5", "7"), (1, 1))
    assert (
        majority_accuracy(pool) == best_of_n_accuracy(pool, (0.5, 0.5)) == weighted_vote_accuracy(pool, (0.5, 0.5)) == 1
    )


def test_paired_interval() -> None:
    same = paired_bootstrap([1.0, 0.0, 1.0], [1.0, 0.0, 1.0])
    assert (same.mean, same.low, same.high) == (0, 0, 0)
    half = paired_bootstrap([1.0, 0.0] * 50)
    assert half.mean == 50
    assert 38 < half.low < 45 < 55 < half.high < 62
