"""Which of several models writes the next answer: bandits over the rewards of each model in the whole tree.

AB-MCTS-A with several models (2503.04412) asks one of these whenever it has decided to write an answer.
"""

from collections.abc import Mapping
from math import sqrt
from random import Random

from its_graph.nodes.rules.types import BanditArm, ModelRule, Rewards
from its_graph.nodes.tree_search.bandit import ucb1
from its_graph.nodes.tree_search.posteriors import Posterior

__all__ = ["thompson_model", "ucb_model"]



def thompson_model(prior: Posterior) -> ModelRule:
    """Draw a mean reward of each model from its posterior and take the highest."""

    def rule(rewards: Mapping[str, Rewards], chance: Random) -> str:
        drawn = {model: prior.draw(seen, chance) for model, seen in rewards.items()}
        return max(drawn, key=drawn.__getitem__)

    return rule


def ucb_model(c: float = sqrt(2)) -> ModelRule:
    """Take the highest upper confidence bound: mean + c sqrt(ln total / n) (Auer et al. 2002, UCB1).

    A model without rewards has no bound: it is drawn by lot among all of these and the leader of the others. Were it
    always first, a model that fails for good would be the only one ever asked.
    """

    def rule(rewards: Mapping[str, Rewards], chance: Random) -> str:
        total = sum(seen.observed for seen in rewards.values())
        bounds = {
            model: ucb1(BanditArm(seen.mean, seen.observed, total), c)
            for model, seen in rewards.items()
            if seen.observed
        }
        leader = [max(bounds, key=bounds.__getitem__)] if bounds else []
        return chance.choice([model for model in rewards if model not in bounds] + leader)

    return rule
