"""Thompson sampling over a tree of whole answers: write a new one, or go on from one there is (AB-MCTS-A, 2503.04412).

A place is where an answer can be written: the root (None), or below an answer, as a refinement of it. At every place
there are two arms, GEN (write an answer here) and CONT (go to one of the answers here), and one arm for each answer.
A new answer with reward r counts for its own arm and for GEN of its place; for every answer above it, it counts for
that answer's arm and for CONT of the place where that answer stands.
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
    """Of the answers written at a place."""
    cont: dict[NodeId, Rewards] = field(default_factory=dict)
    """Of all that was written further below it."""
    answers: dict[str, Rewards] = field(default_factory=dict)
    """Of an answer and all that was written below it."""
    models: dict[str, Rewards] = field(default_factory=dict)
    """Of the answers that a model wrote, anywhere in the tree."""
    below: dict[NodeId, list[str]] = field(default_factory=dict)
    """The answers that stand at a place, oldest first."""


def arm_rewards(tree: Tree, score_range: ScoreRange = "prob") -> ArmRewards:
    """Return the rewards of all arms: a fold over the score log. Not to be changed by who asks.

    Complete answers with a score are nodes of the tree. One without a score, or cut off, is none: it tells nothing,
    and nothing is written below it.
    """
    return _ARMS[score_range](tree.scores, tree)


def parent_answer(tree: Tree, step: str) -> NodeId:
    """Return the place at which an answer was written: below the first one that the model was shown."""
    return next(iter(tree.steps[step].get("sources", ())), None)


def thompson(n: int, wave: int, *, prior: Posterior, score_range: ScoreRange = "prob") -> PathRule:
    """Name the answers to be refined by the next `wave` samples; those of the wave that are not named begin anew.

    Every sample of a wave descends by draws of its own from the same posteriors, which know nothing of the others yet.

    Args:
        n: samples in all, failed ones included.
        wave: samples at a time.
        prior: what is believed of an arm without rewards.
        score_range: of the verifier.
    """

    def rule(tree: Tree) -> list[str]:
        known = arm_rewards(tree, score_range)
        keys = range(tree.next_id, min(tree.first_record + n, tree.next_id + wave))
        places = [_descend(known, prior, Random(tree.seed(f"thompson {key}"))) for key in keys]
        return [place for place in places if place is not None]

    return rule


def _descend(known: ArmRewards, prior: Posterior, chance: Random) -> NodeId:
    """Walk down from the root until GEN wins; where nothing was written yet it wins unopposed."""
    place: NodeId = None
    while answers := known.below.get(place):
        wider = prior.draw(known.gen[place], chance)
        deeper = prior.draw(known.cont.get(place, NO_REWARDS), chance)
        if wider >= deeper:
            return place
        place = max(answers, key=lambda answer: prior.draw(known.answers[answer], chance))
    return place


def _reward(scale: Callable[[float], float]) -> Callable[[ArmRewards, str, Score, Tree], ArmRewards]:
    """Return the fold's step: hand one answer's reward to every arm that it concerns."""

    def take(known: ArmRewards, key: str, record: Score, tree: Tree) -> ArmRewards:
        answer = record["step"]
        score = tree.score(answer)
        if score is None or not tree.finished(answer):
            return known
        reward = scale(score)
        place = parent_answer(tree, answer)
        _add(known.gen, place, reward)
        _add(known.answers, answer, reward)
        known.below.setdefault(place, []).append(answer)
        if (model := tree.steps[answer].get("model")) is not None:
            _add(known.models, model, reward)
        while place is not None:
            _add(known.answers, place, reward)
            place = parent_answer(tree, place)
            _add(known.cont, place, reward)
        return known

    return take


def _add(rewards: dict[_Arm, Rewards], arm: _Arm, reward: float) -> None:
    rewards[arm] = rewards.get(arm, NO_REWARDS).plus(reward)


_ARMS: dict[ScoreRange, Fold[ArmRewards, Tree]] = {
    "prob": Fold(ArmRewards, _reward(to_unit("prob"))),
    "real": Fold(ArmRewards, _reward(to_unit("real"))),
}
