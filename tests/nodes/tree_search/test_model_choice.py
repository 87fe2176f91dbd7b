"""Which model writes next, by the rewards of each model: docs/reference/algorithms.md 3.3."""

from collections import Counter
from math import log, sqrt
from random import Random

import pytest

from its_graph.nodes.rules.types import ModelRule, Rewards
from its_graph.nodes.tree_search.model_choice import thompson_model, ucb_model
from its_graph.nodes.tree_search.posteriors import NO_REWARDS, Beta, Gaussian


def picked(rule: ModelRule, rewards: dict[str, Rewards]) -> Counter[str]:
    chance = Random(1)
    return Counter(rule(rewards, chance) for _ in range(1000))


@pytest.mark.parametrize("prior", [Gaussian(), Beta()])
def test_thompson_asks_the_better_model_more_and_the_unknown_one_too(prior: Gaussian | Beta) -> None:
    seen = {"good": Rewards(20, 0.9, 0.1), "bad": Rewards(20, 0.2, 0.1), "new": NO_REWARDS}
    counts = picked(thompson_model(prior), seen)
    assert counts["good"] > counts["new"] > counts["bad"]
    assert counts["new"] > 50


def test_ucb_takes_the_highest_bound() -> None:
    """mean + sqrt(2) sqrt(ln total / n): .5 + bound of 2 of 12 against .9 + bound of 10 of 12."""
    assert 0.5 + sqrt(2) * sqrt(log(12) / 2) > 0.9 + sqrt(2) * sqrt(log(12) / 10)
    assert 0.5 + 0.1 * sqrt(log(12) / 2) < 0.9 + 0.1 * sqrt(log(12) / 10)
    seen = {"a": Rewards(2, 0.5, 0.1), "b": Rewards(10, 0.9, 0.1)}
    assert picked(ucb_model(), seen) == {"a": 1000}
    assert picked(ucb_model(c=0.1), seen) == {"b": 1000}


def test_ucb_draws_uniformly_among_new_models_and_the_leader() -> None:
    """A model that never brings a reward must not take all draws."""
    counts = picked(ucb_model(), {"dead": NO_REWARDS, "a": Rewards(2, 0.5, 0.1), "b": Rewards(2, 0.6, 0.1)})
    assert set(counts) == {"dead", "b"}
    assert 400 < counts["dead"] < 600


def test_before_any_reward_every_model_has_its_chance() -> None:
    for rule in (ucb_model(), thompson_model(Gaussian())):
        assert set(picked(rule, dict.fromkeys("abc", NO_REWARDS))) == set("abc")
