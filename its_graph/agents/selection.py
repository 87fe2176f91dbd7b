"""Rules that choose among an agent's replies or attempts: by vote, by a verifier, by a tournament of a judge."""

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple, TypeAlias

from langchain_core.runnables import Runnable, RunnableLambda

from its_graph.agents.actions import Action, ActionSet, classes
from its_graph.contracts import Candidate, Comparison, Judge, Opinion, Verdict, Verifier

__all__ = ["Chooser", "Picked", "by_score", "by_tournament", "by_vote"]


class Picked(NamedTuple):
    """The choice."""

    place: int
    """Of the winner among the options."""
    scores: tuple[float | None, ...] = ()
    """One score for each option where there are scores; None where one is missing."""


Chooser: TypeAlias = Runnable[ActionSet, Picked]


def by_vote() -> Chooser:
    """Choose what most replies want: first which tools (or none), then with which arguments, or which answer.

    The earliest wins a tie. Self-consistency (2203.11171), taken to tool calls.
    """
    return RunnableLambda(lambda options: Picked(_elected(options.moves, [1.0] * len(options.moves))), name="vote")


def by_score(verifier: Verifier) -> Chooser:
    """Let replies that want the same add up a verifier's scores, and choose the best of the heaviest.

    Scores that are not probabilities cannot be added up: the highest wins. A missing score weighs nothing; without any
    score the vote decides.
    """

    def candidates(options: ActionSet) -> list[Candidate]:
        return [Candidate(messages=options.conversation, steps=(text,), finished=True) for text in options.texts]

    def pick(options: ActionSet, verdicts: Sequence[Verdict | Exception]) -> Picked:
        scores = tuple(_value(verdict) for verdict in verdicts)
        if all(score is None for score in scores):
            return Picked(_elected(options.moves, [1.0] * len(scores)), scores)
        if verifier.score_range == "real":
            return Picked(_highest(scores), scores)
        return Picked(_elected(options.moves, [score or 0.0 for score in scores]), scores)

    def call(options: ActionSet) -> Picked:
        return pick(options, verifier.batch(candidates(options), return_exceptions=True))

    async def acall(options: ActionSet) -> Picked:
        return pick(options, await verifier.abatch(candidates(options), return_exceptions=True))

    return RunnableLambda(call, acall, name="verify")


def by_tournament(judge: Judge) -> Chooser:
    """Compare two by two until one is left (knockout); who has no opinion of it goes on with the earlier one."""

    def pairs(options: ActionSet, left: list[int]) -> list[Comparison]:
        return [
            Comparison(messages=options.conversation, texts=(options.texts[a], options.texts[b]))
            for a, b in zip(left[::2], left[1::2], strict=False)
        ]

    def winners(left: list[int], opinions: Sequence[Opinion | Exception]) -> list[int]:
        kept = [b if _prefers_second(said) else a for a, b, said in zip(left[::2], left[1::2], opinions, strict=False)]
        return kept + left[len(left) - len(left) % 2 :]

    def call(options: ActionSet) -> Picked:
        left = list(range(len(options.texts)))
        while len(left) > 1:
            left = winners(left, judge.batch(pairs(options, left), return_exceptions=True))
        return Picked(left[0])

    async def acall(options: ActionSet) -> Picked:
        left = list(range(len(options.texts)))
        while len(left) > 1:
            left = winners(left, await judge.abatch(pairs(options, left), return_exceptions=True))
        return Picked(left[0])

    return RunnableLambda(call, acall, name="tournament")


def _elected(moves: Sequence[Action], weights: Sequence[float]) -> int:
    """Return the first of the heaviest class within the heaviest kind; among its members the heaviest."""
    labels = classes(moves)
    kind = _heaviest([label[0] for label in labels], weights)
    inside = [weight if label[0] == kind else -math.inf for label, weight in zip(labels, weights, strict=True)]
    chosen = _heaviest(labels, inside)
    return max((place for place, label in enumerate(labels) if label == chosen), key=lambda place: weights[place])


def _heaviest(labels: Sequence[Any], weights: Sequence[float]) -> Any:
    totals: Counter[Any] = Counter()
    for label, weight in zip(labels, weights, strict=True):
        totals[label] += weight  # type: ignore[assignment]  # a Counter holds any number
    return max(totals, key=lambda label: totals[label])  # insertion order: the earliest of a tie


def _highest(scores: Sequence[float | None]) -> int:
    return max(range(len(scores)), key=lambda place: -math.inf if scores[place] is None else scores[place] or 0.0)


def _value(verdict: Verdict | Exception) -> float | None:
    if isinstance(verdict, Exception) or verdict.value is None or math.isnan(verdict.value):
        return None
    return verdict.value


def _prefers_second(opinion: Opinion | Exception) -> bool:
    """Tell whether the later one wins; a failure, a missing score or a wrong number of them decides nothing."""
    if isinstance(opinion, Exception) or len(opinion.scores) != 2:
        return False
    first, second = opinion.scores
    if first is None or second is None or not (math.isfinite(first) and math.isfinite(second)):
        return False
    return second > first
