"""Which of several models writes the next answer: bandits over each model's rewards in the whole tree.

AB-MCTS-A with several models (2503.04412) applies one of these whenever it has decided to write an answer.
"""

from collections.abc import Mapping
from math import sqrt
from random import Random

from its_graph.nodes.rules.types import BanditArm, ModelRule, Rewards
from its_graph.nodes.tree_search.bandit import ucb1
from its_graph.nodes.tree_search.posteriors import Posterior

__all__ = ["thompson_model", "ucb_model"]


def thompson_model(prior: Posterior) -> ModelRule:
    """Draw a mean reward for each model from its posterior and choose the highest."""

    def rule(rewards: Mapping[str, Rewards], rng: Random) -> str:
        means = {model: prior.draw(observed, rng) for model, observed in rewards.items()}
        return max(means, key=means.__getitem__)

    return rule


def ucb_model(c: float = sqrt(2)) -> ModelRule:
    """Choose the highest upper confidence bound: mean + c sqrt(ln total / n) (Auer et al. 2002, UCB1).

    A model without rewards has no bound: the choice is uniform over all of these and the leader of the others. If it
    always came first, a model that always fails would be the only one ever called.
    """

    def rule(rewards: Mapping[str, Rewards], rng: Random) -> str:
        total = sum(statistics.observed for statistics in rewards.values())
        bounds = {
            model: ucb1(BanditArm(statistics.mean, statistics.observed, total), c)
            for model, statistics in rewards.items()
            if statistics.observed
        }
        leader = [max(bounds, key=bounds.__getitem__)] if bounds else []
        return rng.choice([model for model in rewards if model not in bounds] + leader)

    return rule
