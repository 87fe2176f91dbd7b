"""Weights and draws of particles against the vectors of docs/reference/algorithms.md 2.5."""

import math
import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from its_graph.nodes.rules.resampling import (
    cooling,
    effective_size,
    least_effective_size,
    multinomial,
    odds_weights,
    systematic,
)
from its_graph.nodes.rules.types import Resampler

positive = st.lists(st.floats(1e-6, 1), min_size=1, max_size=12)


@pytest.mark.parametrize(
    ("scores", "weights"),
    [
        ([0.9, 0.5], [0.9, 0.1]),
        ([0.8, 0.5, 0.2], [0.761905, 0.190476, 0.047619]),
        ([0.3, 0.3, 0.3, 0.3], [0.25, 0.25, 0.25, 0.25]),
        ([1.0, 1.0], [0.5, 0.5]),
        ([0.0, 0.0], [0.5, 0.5]),
    ],
)
def test_weights_are_the_normalized_odds(scores: list[float], weights: list[float]) -> None:
    """Reference 2.5: w = [.9, .5] -> [.9, .1]; [.8, .5, .2] -> ...; equal w -> uniform; w = 1 -> finite."""
    assert odds_weights(scores) == pytest.approx(weights, abs=1e-6)


def test_certainty_is_clipped_to_one_in_ten_million() -> None:
    """Reference 2.5: logit clip 1e-7; certain outweighs even 10 million to one, not more."""
    sure, even = odds_weights([1.0, 0.5])
    assert sure / even == pytest.approx(1e7, rel=1e-6)
    assert odds_weights([1.0, 0.0])[1] == pytest.approx(1e-14, rel=1e-6)


@given(scores=st.lists(st.floats(0.001, 0.999), min_size=1, max_size=9))
def test_weights_are_softmax_of_logits(scores: list[float]) -> None:
    odds = [score / (1 - score) for score in scores]
    assert odds_weights(scores) == pytest.approx([one / sum(odds) for one in odds])


def test_temperature_flattens() -> None:
    """At temperature 2 the odds enter by their square root: 9 : 1 becomes 3 : 1."""
    assert odds_weights([0.9, 0.5], 2.0) == pytest.approx([0.75, 0.25])
    assert odds_weights([0.9, 0.5], math.inf) == [0.5, 0.5]


def test_effective_size() -> None:
    """Reference 2.5: 1 / sum theta^2: [.9, .1] -> 1.219512."""
    assert effective_size([0.9, 0.1]) == pytest.approx(1.219512, abs=1e-6)
    assert effective_size([0.25] * 4) == pytest.approx(4)
    assert effective_size([1.0, 0.0]) == 1


@pytest.mark.parametrize("draw", [multinomial, systematic])
def test_each_comes_as_often_as_its_weight_says(draw: Resampler) -> None:
    """Mean count of 4,000 populations within 5 standard errors of n theta."""
    weights, n, runs = [0.5, 0.3, 0.15, 0.05], 8, 4000
    chance = random.Random(1)
    counts = Counter(index for _ in range(runs) for index in draw(weights, n, chance))
    for index, weight in enumerate(weights):
        error = math.sqrt(n * weight * (1 - weight) / runs)
        assert counts[index] / runs == pytest.approx(n * weight, abs=5 * error)


@given(weights=positive, n=st.integers(1, 40), seed=st.integers(0, 9))
def test_systematic_draws_are_the_share_rounded_down_or_up(weights: list[float], n: int, seed: int) -> None:
    counts = Counter(systematic(weights, n, random.Random(seed)))
    assert sum(counts.values()) == n
    for index, weight in enumerate(weights):
        share = n * weight / sum(weights)
        assert math.floor(share - 1e-6) <= counts[index] <= math.ceil(share + 1e-6)


def test_multinomial_draws_are_independent() -> None:
    """Unlike systematic ones they miss a particle of weight 1/2 now and then."""
    chance = random.Random(1)
    missed = sum(0 not in multinomial([0.5, 0.5], 4, chance) for _ in range(800))
    assert missed / 800 == pytest.approx(1 / 16, abs=0.04)


@pytest.mark.parametrize("draw", [multinomial, systematic])
def test_draws_depend_on_the_rng_alone(draw: Resampler) -> None:
    weights = [0.1, 0.2, 0.3, 0.4]
    assert draw(weights, 16, random.Random(5)) == draw(weights, 16, random.Random(5))
    assert len({tuple(draw(weights, 16, random.Random(seed))) for seed in range(9)}) > 1
    assert draw([0.0, 1.0, 0.0], 5, random.Random(2)) == [1] * 5


def test_cooling_comes_down_evenly_to_one() -> None:
    rule = cooling(3.0, 4)
    assert [rule(number, []) for number in range(1, 7)] == pytest.approx([3, 2.5, 2, 1.5, 1, 1])


def test_weights_are_flattened_just_enough_to_keep_the_effective_size() -> None:
    scores = [0.99, 0.5, 0.5, 0.5]
    temperature = least_effective_size(0.75)(1, scores)
    assert temperature > 1
    assert effective_size(odds_weights(scores, temperature)) == pytest.approx(3, abs=1e-6)
    assert least_effective_size(0.25)(1, scores) == 1
    assert effective_size(odds_weights(scores, least_effective_size(1)(1, scores))) == pytest.approx(4)
