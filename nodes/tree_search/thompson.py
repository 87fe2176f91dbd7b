"""Thompson sampling over a tree of whole answers: write a new answer or refine an existing one (AB-MCTS-A, 2503.04412).

A node is the root (None) or an answer; writing at an answer means to refine it. Every node has two arms, GEN (write an
answer here) and CONT (descend to one of the answers here), and one arm per answer. A new answer with reward r counts
for its own arm and for GEN of its node; for every answer above it, it counts for that answer's arm and for CONT of the
node at which that answer was written.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import TypeAlias, TypeVar

from its_graph.contracts import ScoreRange
from its_graph.nodes.rules.choice import to_unit
from its_graph.nodes.rules.types import PathRule, Rewards
from its_graph.nodes.tree_search.posteriors import NO_REWARDS, Posterior
from its_graph.search.folds import Fold
from its_graph.search.state import Score
from its_graph.search.tree import Tree

__all__ = ["ArmRewards", "NodeId", "arm_rewards", "parent_answer", "thompson"]

NodeId: TypeAlias = str | None
"""Id of the answer below which another is written; None is the root."""

_Arm = TypeVar("_Arm")


@dataclass
class ArmRewards:
    """The rewards of all arms of a search, in [0, 1]. An arm that was never rewarded is missing."""

    gen: dict[NodeId, Rewards] = field(default_factory=dict)
    """Rewards of the answers written at a node."""
    cont: dict[NodeId, Rewards] = field(default_factory=dict)
    """Rewards of all answers written further below it."""
    answers: dict[str, Rewards] = field(default_factory=dict)
    """Rewards of an answer and of all answers written below it."""
    models: dict[str, Rewards] = field(default_factory=dict)
    """Rewards of the answers that a model wrote, anywhere in the tree."""
    below: dict[NodeId, list[str]] = field(default_factory=dict)
    """The answers written at a node, oldest first."""


def arm_rewards(tree: Tree, score_range: ScoreRange = "prob") -> ArmRewards:
    """Return the rewards of all arms, a fold of the score log. Callers must not change it.

    Complete answers with a score are nodes of the tree. Answers without a score and truncated ones are not: they carry
    no information, and nothing is written below them.
    """
    return _ARMS[score_range](tree.scores, tree)


def parent_answer(tree: Tree, step: str) -> NodeId:
    """Return the node at which an answer was written: the first answer that the model was shown."""
    return next(iter(tree.steps[step].get("sources", ())), None)


def thompson(n: int, wave: int, *, prior: Posterior, score_range: ScoreRange = "prob") -> PathRule:
    """Return the answers that the next `wave` samples refine; a sample that writes a new answer is not listed.

    Every sample of a wave descends by its own draws from the same posteriors, which ignore the others of the wave.

    Args:
        n: samples in total, failed ones included.
        wave: samples at a time.
        prior: prior belief about an arm without rewards.
        score_range: range of the verifier's scores.
    """

    def rule(tree: Tree) -> list[str]:
        rewards = arm_rewards(tree, score_range)
        keys = range(tree.next_id, min(tree.first_record + n, tree.next_id + wave))
        nodes = [_descend(rewards, prior, Random(tree.seed(f"thompson {key}"))) for key in keys]
        return [node for node in nodes if node is not None]

    return rule


def _descend(rewards: ArmRewards, prior: Posterior, rng: Random) -> NodeId:
    """Descend from the root until GEN wins; at a node without answers it wins unopposed."""
    node: NodeId = None
    while answers := rewards.below.get(node):
        wider = prior.draw(rewards.gen[node], rng)
        deeper = prior.draw(rewards.cont.get(node, NO_REWARDS), rng)
        if wider >= deeper:
            return node
        node = max(answers, key=lambda answer: prior.draw(rewards.answers[answer], rng))
    return node


def _reward(scale: Callable[[float], float]) -> Callable[[ArmRewards, str, Score, Tree], ArmRewards]:
    """Return the step of the fold: credit one answer's reward to every arm that it concerns."""

    def take(rewards: ArmRewards, key: str, record: Score, tree: Tree) -> ArmRewards:
        answer = record["step"]
        score = tree.score(answer)
        if score is None or not tree.finished(answer):
            return rewards
        reward = scale(score)
        node = parent_answer(tree, answer)
        _add(rewards.gen, node, reward)
        _add(rewards.answers, answer, reward)
        rewards.below.setdefault(node, []).append(answer)
        if (model := tree.steps[answer].get("model")) is not None:
            _add(rewards.models, model, reward)
        while node is not None:
            _add(rewards.answers, node, reward)
            node = parent_answer(tree, node)
            _add(rewards.cont, node, reward)
        return rewards

    return take


def _add(rewards: dict[_Arm, Rewards], arm: _Arm, reward: float) -> None:
    rewards[arm] = rewards.get(arm, NO_REWARDS).plus(reward)


_ARMS: dict[ScoreRange, Fold[ArmRewards, Tree]] = {
    "prob": Fold(ArmRewards, _reward(to_unit("prob"))),
    "real": Fold(ArmRewards, _reward(to_unit("real"))),
}
