"""Choice rules: which finalist is the answer. Pure functions of the tree.

All rules share four conventions. Ties go to the lowest index and are reported. A missing score is left out, never
treated as a bad one; if all are missing, the vote decides and the choice says so. Samples without an answer, truncated
or unfinished ones do not vote. A text sampled five times counts five times.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from typing import TypeAlias

from its_graph.contracts import ScoreRange
from its_graph.nodes.rules.stopping import first_unanimous
from its_graph.nodes.rules.types import Choice, ChoiceRule
from its_graph.search.tree import Tree

__all__ = [
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

_ClassWeight: TypeAlias = Callable[[Sequence[float]], float]
"""Weights of the members of an answer class -> weight of the class."""


def majority(tree: Tree) -> Choice:
    """Choose the most frequent answer (self-consistency, Wang et al. 2203.11171)."""
    return _vote(tree, [1.0] * len(tree.answer_classes), math.fsum)


def argmax(tree: Tree) -> Choice:
    """Choose the candidate with the highest score (best-of-N)."""
    return best_scored(tree, eligible(tree))


def weighted(score_range: ScoreRange = "prob") -> ChoiceRule:
    """Vote weighted by score: the answer with the largest sum of scores wins, by its best-scored solution.

    Math-Shepherd (2312.08935) and Snell et al. (2408.03314). Unbounded scores are mapped through a sigmoid first.
    """
    scale = to_unit(score_range)

    def rule(tree: Tree) -> Choice:
        return score_vote(tree, _weights(tree, scale))

    return rule


def pessimistic(score_range: ScoreRange = "prob", *, penalty: float = 0.5) -> ChoiceRule:
    """Weigh an answer by its mean score minus `penalty` / count, so that a single high score is trusted less."""
    scale = to_unit(score_range)

    def class_weight(scores: Sequence[float]) -> float:
        return math.fsum(scores) / len(scores) - penalty / len(scores)

    def rule(tree: Tree) -> Choice:
        return _vote(tree, _weights(tree, scale), class_weight)

    return rule


def borda(power: float = 0.5) -> ChoiceRule:
    """Vote weighted by rank: the r-th best of N scored candidates has (N - r + 1)^power votes (Kang et al. 2502.18581).

    Only the order of the scores matters, so any range works. Power 0 is the plain majority vote, a large power the
    highest score; the paper's power grows with N, from .3 at 8 to 1.2 at 64. Candidates that do not vote are still
    ranked.
    """

    def rule(tree: Tree) -> Choice:
        scores = {index: finalist.score for index, finalist in enumerate(tree.finalists) if finalist.score is not None}
        ranked = sorted(scores, key=lambda index: (-scores[index], index))
        votes = {index: float(len(ranked) - rank) ** power for rank, index in enumerate(ranked)}
        return score_vote(tree, [votes.get(index) for index in range(len(tree.finalists))])

    return rule


def window_vote(window: int = 5) -> ChoiceRule:
    """Choose as ESC does: the answer of a unanimous window if there is one, else the majority of all samples.

    The window's answer is used, not the pooled majority (2401.10480, and its published code).
    """

    def rule(tree: Tree) -> Choice:
        if (first := first_unanimous(tree, window)) is None:
            return majority(tree)
        winner = next(index for index, finalist in enumerate(tree.finalists) if finalist.id == first)
        label = tree.answer_classes[winner]
        return Choice(winner, votes={} if label is None else {label: float(window)})

    return rule


def to_unit(score_range: ScoreRange) -> Callable[[float], float]:
    """Return the map from a verifier's range to [0, 1]: the identity for `prob`, a sigmoid for `real`."""
    return (lambda score: score) if score_range == "prob" else _sigmoid


def _sigmoid(score: float) -> float:
    return 1 / (1 + math.exp(-score)) if score >= 0 else math.exp(score) / (1 + math.exp(score))


# --- building blocks of choice rules --------------------------------------------------------------------------------


def eligible(tree: Tree) -> list[int]:
    """Return the indices of the best kind of candidate available: finished, else still open, else truncated."""
    finalists = list(enumerate(tree.finalists))
    for kind in (
        [index for index, finalist in finalists if finalist.finished],
        [index for index, finalist in finalists if not finalist.truncated],
    ):
        if kind:
            return kind
    return [index for index, _ in finalists]


def best_scored(tree: Tree, indices: Sequence[int]) -> Choice:
    """Choose the candidate with the highest score out of `indices`; if none has a score, see `without_scores`."""
    scored = [index for index in indices if tree.finalists[index].score is not None]
    if not scored:
        return without_scores(tree)
    best = max(scored, key=lambda index: (tree.finalists[index].score or 0.0, -index))
    top = [index for index in scored if tree.finalists[index].score == tree.finalists[best].score]
    answers = {tree.answer_classes[index] for index in top}
    return Choice(best, tie=len(answers) > 1)


def score_vote(tree: Tree, weights: Sequence[float | None]) -> Choice:
    """Sum the weights of equal answers, one weight per finalist; None excludes a finalist from the vote."""
    return _vote(tree, weights, math.fsum)


def without_scores(tree: Tree) -> Choice:
    """Choose without scores: by vote if any candidate votes, else the first eligible candidate."""
    note = () if not tree.scores else ("No candidate that may vote has a score: the vote decided.",)
    if _any_present(tree.answer_classes):
        return _vote(tree, [1.0] * len(tree.answer_classes), math.fsum)._replace(notes=note)
    if not tree.finalists:
        return Choice(None, notes=("There is no candidate to choose from.",))
    first = next(iter(eligible(tree)))
    return Choice(first, notes=(*note, "No candidate has a final answer: the first one was taken."))


def _weights(tree: Tree, scale: Callable[[float], float]) -> list[float | None]:
    return [None if finalist.score is None else scale(finalist.score) for finalist in tree.finalists]


def _vote(tree: Tree, weights: Sequence[float | None], class_weight: _ClassWeight) -> Choice:
    """Weigh every answer class; choose the heaviest class's heaviest member."""
    members: dict[int, list[int]] = {}
    for index, (label, weight) in enumerate(zip(tree.answer_classes, weights, strict=True)):
        if label is not None and weight is not None:
            members.setdefault(label, []).append(index)
    if not members:
        no_answers = _any_present(weights) and not _any_present(tree.answer_classes)
        return argmax(tree) if no_answers else without_scores(tree)
    filled = [0.0 if weight is None else weight for weight in weights]
    votes = {label: class_weight([filled[index] for index in indices]) for label, indices in members.items()}
    # Labels are numbered by first appearance, so the lowest label is the lowest index.
    winner = max(votes, key=lambda label: (votes[label], -label))
    best = max(members[winner], key=lambda index: (filled[index], -index))
    return Choice(best, votes, tie=sum(weight == votes[winner] for weight in votes.values()) > 1)


def _any_present(values: Iterable[object]) -> bool:
    return any(value is not None for value in values)
