"""its_graph.statistics, against published and hand-computed values."""

import math
from itertools import combinations

import pytest

from its_graph.errors import ConfigurationError
from its_graph.statistics import paired_difference, pass_at_k, wilson


@pytest.mark.parametrize(
    ("n", "c", "k", "expected"), [(4, 1, 1, 0.25), (4, 1, 2, 0.5), (4, 2, 2, 0.833333), (10, 3, 5, 0.916667)]
)
def test_pass_at_k_vectors(n: int, c: int, k: int, expected: float) -> None:
    """Reference 0.5."""
    assert pass_at_k(n, c, k) == pytest.approx(expected, abs=1e-6)


def test_pass_at_k_counts_subsets() -> None:
    n, c = 7, 3
    for k in range(1, n + 1):
        subsets = list(combinations([True] * c + [False] * (n - c), k))
        assert pass_at_k(n, c, k) == pytest.approx(sum(map(any, subsets)) / len(subsets))


def test_pass_at_k_is_one_if_wrong_samples_cannot_fill_k_and_zero_without_a_right_one() -> None:
    assert pass_at_k(4, 3, 2) == 1.0
    assert pass_at_k(4, 0, 4) == 0.0


@pytest.mark.parametrize(("n", "c", "k"), [(0, 0, 1), (4, 5, 1), (4, 1, 0), (4, 1, 5), (4, -1, 1)])
def test_pass_at_k_refuses_impossible_counts(n: int, c: int, k: int) -> None:
    with pytest.raises(ConfigurationError, match=f"n={n}, c={c}, k={k}"):
        pass_at_k(n, c, k)


@pytest.mark.parametrize(
    ("successes", "trials", "low", "high"),
    [
        (81, 263, 0.2553, 0.3662),  # Newcombe 1998, table I, method 3
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0000, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilson_matches_newcombes_intervals(successes: int, trials: int, low: float, high: float) -> None:
    interval = wilson(successes, trials)
    assert interval.low == pytest.approx(low, abs=5e-5)
    assert interval.high == pytest.approx(high, abs=5e-5)


def test_wilson_is_symmetric_and_stays_inside() -> None:
    for successes in range(11):
        first, mirrored = wilson(successes, 10), wilson(10 - successes, 10)
        assert first.low == pytest.approx(1 - mirrored.high)
        assert 0 <= first.low <= successes / 10 <= first.high <= 1


@pytest.mark.parametrize(("successes", "trials"), [(0, 0), (3, 2), (-1, 2)])
def test_wilson_refuses_impossible_counts(successes: int, trials: int) -> None:
    with pytest.raises(ConfigurationError, match=f"{successes} of {trials}"):
        wilson(successes, trials)


def test_a_paired_difference_has_the_width_of_its_pairs() -> None:
    """10 of 100 problems gained, 2 lost: mean .08, standard error sqrt((.12 - .08**2) / 100) = .0337."""
    first = [1.0] * 10 + [0.0] * 2 + [1.0] * 88
    second = [0.0] * 10 + [1.0] * 2 + [1.0] * 88
    difference = paired_difference(first, second, seed=5)
    assert difference.mean == pytest.approx(0.08)
    assert difference.ci95.high - difference.ci95.low == pytest.approx(2 * 1.96 * math.sqrt(0.1136 / 100), rel=0.15)
    assert difference.ci95.low < difference.mean < difference.ci95.high


def test_a_paired_difference_is_seeded_and_antisymmetric() -> None:
    first, second = [1.0, 0.0, 1.0, 1.0] * 10, [0.0, 0.0, 1.0, 0.0] * 10
    assert paired_difference(first, second, seed=1) == paired_difference(first, second, seed=1)
    there, back = paired_difference(first, second, seed=1), paired_difference(second, first, seed=1)
    assert (back.mean, back.ci95.low, back.ci95.high) == pytest.approx((-there.mean, -there.ci95.high, -there.ci95.low))


def test_equal_results_have_no_difference() -> None:
    assert paired_difference([1.0, 0.0], [1.0, 0.0]) == (0.0, (0.0, 0.0))


@pytest.mark.parametrize(("first", "second"), [([], []), ([1.0], []), ([1.0, 0.0], [1.0])])
def test_a_paired_difference_needs_the_same_problems(first: list[float], second: list[float]) -> None:
    with pytest.raises(ConfigurationError, match="same problems"):
        paired_difference(first, second)
