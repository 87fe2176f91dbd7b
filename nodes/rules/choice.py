"""Choice rules: which finalist is the answer. Pure functions of the tree.

All obey the same manners: ties go to the lowest index and are reported; a missing score is dropped, never taken for a
bad one, and when all are missing the vote decides and the choice says so; samples without an answer, cut off or
unfinished do not vote. A text sampled five times counts five times.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple, TypeAlias

from its_graph.contracts import ScoreRange
from its_graph.nodes.rules.stopping import first_unanimous
from its_graph.search.tree import Tree

__all__ = [
    "Choice",
    "ChoiceRule",
    "argmax",
    "best_scored",
    "borda",
    "eligible",
    "majority",
    "pessimistic",
    "score_vote",
    "to_unit",
    "weighted",
    "window_vote",
    "without_scores",
]


class Choice(NamedTuple):
    """The winner and how it won."""

    winner: int | None
    """Index into `Tree.finalists`; None without any finalist."""
    votes: Mapping[int, float] = MappingProxyType({})
    """Weight of each answer class (see `Tree.answer_classes`)."""
    tie: bool = False
    notes: tuple[str, ...] = ()


ChoiceRule: TypeAlias = Callable[[Tree], Choice]
ClassWeight: TypeAlias = Callable[[Sequence[float]], float]


def majority(tree: Tree) -> Choice:
    """Vote: the most frequent answer wins (self-consistency, Wang et al. 2203.11171)."""
    return _vote(tree, [1.0] * len(tree.answer_classes), math.fsum)


def argmax(tree: Tree) -> Choice:
    """Return the candidate with the highest score (best-of-N)."""
    return best_scored(tree, eligible(tree))


def weighted(score_range: ScoreRange = "prob") -> ChoiceRule:
    """Vote weighted by score: argmax over answers of the sum of scores; its best-scoring solution is returned.

    Math-Shepherd (2312.08935) and Snell et al. (2408.03314). Unbounded scores go through a sigmoid first.
    """
    scale = to_unit(score_range)

    def rule(tree: Tree) -> Choice:
        return score_vote(tree, _weights(tree, scale))

    return rule


def pessimistic(score_range: ScoreRange = "prob", *, penalty: float = 0.5) -> ChoiceRule:
    """Weigh an answer by its mean score less `penalty` / count: trust a lone high score less."""
    scale = to_unit(score_range)

    def class_weight(scores: Sequence[float]) -> float:
        return math.fsum(scores) / len(scores) - penalty / len(scores)

    def rule(tree: Tree) -> Choice:
        return _vote(tree, _weights(tree, scale), class_weight)

    return rule


def borda(power: float = 0.5) -> ChoiceRule:
    """Vote weighted by rank: of N scored candidates the r-th best has (N - r + 1)^power votes (Kang et al. 2502.18581).

    Only the order of the scores counts, so any range will do. Power 0 is the plain majority, a large one the highest
    score; the paper's own power grows with N, from .3 at 8 to 1.2 at 64. Who does not vote is ranked all the same.
    """

    def rule(tree: Tree) -> Choice:
        scores = {index: one.score for index, one in enumerate(tree.finalists) if one.score is not None}
        ranked = sorted(scores, key=lambda index: (-scores[index], index))
        votes = {index: float(len(ranked) - place) ** power for place, index in enumerate(ranked)}
        return score_vote(tree, [votes.get(index) for index in range(len(tree.finalists))])

    return rule


def window_vote(window: int = 5) -> ChoiceRule:
    """ESC's choice: if the last whole window is unanimous its answer wins, else the majority of all samples does.

    The window's answer, not the pooled majority (2401.10480, and its published code).
    """

    def rule(tree: Tree) -> Choice:
        if (first := first_unanimous(tree, window)) is None:
            return majority(tree)
        winner = next(index for index, one in enumerate(tree.finalists) if one.id == first)
        label = tree.answer_classes[winner]
        return Choice(winner, votes={} if label is None else {label: float(window)})

    return rule


def to_unit(score_range: ScoreRange) -> Callable[[float], float]:
    """Return the map from a verifier's range into [0, 1]: nothing to do for `prob`, a sigmoid for `real`."""
    return (lambda score: score) if score_range == "prob" else _sigmoid


def _sigmoid(score: float) -> float:
    return 1 / (1 + math.exp(-score)) if score >= 0 else math.exp(score) / (1 + math.exp(score))


# --- what choice rules are made of --------------------------------------------------------------------------------


def eligible(tree: Tree) -> list[int]:
    """Return the indices of the best kind of candidate there is: finished, else still open, else cut off."""
    finalists = list(enumerate(tree.finalists))
    for kind in (
        [index for index, one in finalists if one.finished],
        [index for index, one in finalists if not one.truncated],
    ):
        if kind:
            return kind
    return [index for index, _ in finalists]


def best_scored(tree: Tree, among: Sequence[int]) -> Choice:
    """Return the candidate with the highest score out of `among`; without any score see `without_scores`."""
    scored = [index for index in among if tree.finalists[index].score is not None]
    if not scored:
        return without_scores(tree)
    best = max(scored, key=lambda index: (tree.finalists[index].score or 0.0, -index))
    top = [index for index in scored if tree.finalists[index].score == tree.finalists[best].score]
    answers = {tree.answer_classes[index] for index in top}
    return Choice(best, tie=len(answers) > 1)


def score_vote(tree: Tree, weights: Sequence[float | None]) -> Choice:
    """Add up the weights of equal answers, one weight for each finalist; None keeps a finalist out of the vote."""
    return _vote(tree, weights, math.fsum)


def without_scores(tree: Tree) -> Choice:
    """Choose without scores: the vote where there is one, else the first usable candidate."""
    note = () if not tree.scores else ("No candidate that may vote has a score: the vote decided.",)
    if _has(tree.answer_classes):
        return _vote(tree, [1.0] * len(tree.answer_classes), math.fsum)._replace(notes=note)
    if not tree.finalists:
        return Choice(None, notes=("There is no candidate to choose from.",))
    first = next(iter(eligible(tree)))
    return Choice(first, notes=(*note, "No candidate has a final answer: the first one was taken."))


def _weights(tree: Tree, scale: Callable[[float], float]) -> list[float | None]:
    return [None if one.score is None else scale(one.score) for one in tree.finalists]


def _vote(tree: Tree, weights: Sequence[float | None], class_weight: ClassWeight) -> Choice:
    """Weigh every answer class; return the best-weighted one's best-weighted member."""
    members: dict[int, list[int]] = {}
    for index, (label, weight) in enumerate(zip(tree.answer_classes, weights, strict=True)):
        if label is not None and weight is not None:
            members.setdefault(label, []).append(index)
    if not members:
        return argmax(tree) if _has(weights) and not _has(tree.answer_classes) else without_scores(tree)
    known = [0.0 if weight is None else weight for weight in weights]
    votes = {label: class_weight([known[index] for index in group]) for label, group in members.items()}
    # Labels are numbered by first appearance, so the lowest label is the lowest index.
    winner = max(votes, key=lambda label: (votes[label], -label))
    best = max(members[winner], key=lambda index: (known[index], -index))
    return Choice(best, votes, tie=sum(weight == votes[winner] for weight in votes.values()) > 1)


def _has(values: Iterable[object]) -> bool:
    return any(value is not None for value in values)
