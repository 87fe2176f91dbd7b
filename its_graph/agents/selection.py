"""Rules that select among an agent's replies or attempts: by vote, by a verifier, by a judge's tournament."""

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple, TypeAlias

from langchain_core.runnables import Runnable, RunnableLambda

from its_graph.agents.actions import Action, ActionSet, action_classes
from its_graph.contracts import Candidate, Comparison, Judge, Opinion, Verdict, Verifier

__all__ = ["Selection", "SelectionRule", "by_score", "by_tournament", "by_vote"]


class Selection(NamedTuple):
    """The selected option."""

    winner: int
    """Index of the winning option."""
    scores: tuple[float | None, ...] = ()
    """One score per option if the rule scores them; None where a score is missing."""


SelectionRule: TypeAlias = Runnable[ActionSet, Selection]


def by_vote() -> SelectionRule:
    """Select what most replies want: first which tools (or none), then which arguments or which answer.

    The earliest wins a tie. Self-consistency (Wang et al. 2203.11171), extended to tool calls.

    >>> from langchain_core.messages import AIMessage, HumanMessage
    >>> from its_graph.agents.actions import action_set_of
    >>> replies = [AIMessage("The answer is 3"), AIMessage("The answer is 4"), AIMessage("The answer is 4")]
    >>> by_vote().invoke(action_set_of([HumanMessage("2 + 2?")], replies)).winner
    1
    """
    return RunnableLambda(
        lambda options: Selection(_elected(options.actions, [1.0] * len(options.actions))), name="vote"
    )


def by_score(verifier: Verifier) -> SelectionRule:
    """Add up a verifier's scores over equal replies and select the best reply of the heaviest class.

    Scores that are not probabilities (`score_range="real"`) cannot be added up: the highest one wins. A missing score
    has no weight; without any score the vote decides.

    Args:
        verifier: scores each reply (its text and tool calls) in the context of the conversation.

    >>> from langchain_core.messages import AIMessage, HumanMessage
    >>> from its_graph.agents.actions import action_set_of
    >>> from its_graph.prm import FunctionVerifier
    >>> verifier = FunctionVerifier(lambda candidate: 0.9 if "4" in candidate.steps[0] else 0.2)
    >>> replies = [AIMessage("The answer is 3"), AIMessage("The answer is 4")]
    >>> by_score(verifier).invoke(action_set_of([HumanMessage("2 + 2?")], replies))
    Selection(winner=1, scores=(0.2, 0.9))
    """

    def candidates(options: ActionSet) -> list[Candidate]:
        return [Candidate(messages=options.conversation, steps=(text,), finished=True) for text in options.texts]

    def select(options: ActionSet, verdicts: Sequence[Verdict | Exception]) -> Selection:
        scores = tuple(_value(verdict) for verdict in verdicts)
        if all(score is None for score in scores):
            return Selection(_elected(options.actions, [1.0] * len(scores)), scores)
        if verifier.score_range == "real":
            return Selection(_highest(scores), scores)
        return Selection(_elected(options.actions, [score or 0.0 for score in scores]), scores)

    def call(options: ActionSet) -> Selection:
        return select(options, verifier.batch(candidates(options), return_exceptions=True))

    async def acall(options: ActionSet) -> Selection:
        return select(options, await verifier.abatch(candidates(options), return_exceptions=True))

    return RunnableLambda(call, acall, name="verify")


def by_tournament(judge: Judge) -> SelectionRule:
    """Compare replies in pairs until one is left (knockout). Without an opinion the earlier reply advances.

    Args:
        judge: compares two replies in the context of the conversation, for example a `PairwiseJudge`.

    >>> from langchain_core.messages import AIMessage, HumanMessage
    >>> from its_graph.agents.actions import action_set_of
    >>> from its_graph.nodes.verifier_judge import as_judge
    >>> from its_graph.prm import FunctionVerifier
    >>> judge = as_judge(FunctionVerifier(lambda candidate: float("4" in candidate.steps[0])))
    >>> replies = [AIMessage("The answer is 3"), AIMessage("The answer is 4")]
    >>> by_tournament(judge).invoke(action_set_of([HumanMessage("2 + 2?")], replies)).winner
    1
    """

    def pairs(options: ActionSet, remaining: list[int]) -> list[Comparison]:
        return [
            Comparison(messages=options.conversation, texts=(options.texts[first], options.texts[second]))
            for first, second in zip(remaining[::2], remaining[1::2], strict=False)
        ]

    def winners(remaining: list[int], opinions: Sequence[Opinion | Exception]) -> list[int]:
        matches = zip(remaining[::2], remaining[1::2], opinions, strict=False)
        advancing = [second if _prefers_second(opinion) else first for first, second, opinion in matches]
        return advancing + remaining[len(remaining) - len(remaining) % 2 :]

    def call(options: ActionSet) -> Selection:
        remaining = list(range(len(options.texts)))
        while len(remaining) > 1:
            remaining = winners(remaining, judge.batch(pairs(options, remaining), return_exceptions=True))
        return Selection(remaining[0])

    async def acall(options: ActionSet) -> Selection:
        remaining = list(range(len(options.texts)))
        while len(remaining) > 1:
            remaining = winners(remaining, await judge.abatch(pairs(options, remaining), return_exceptions=True))
        return Selection(remaining[0])

    return RunnableLambda(call, acall, name="tournament")


def _elected(actions: Sequence[Action], weights: Sequence[float]) -> int:
    """Return the heaviest member of the heaviest class within the heaviest set of tools; the first one of a tie."""
    labels = action_classes(actions)
    tools = _heaviest([label[0] for label in labels], weights)
    eligible = [weight if label[0] == tools else -math.inf for label, weight in zip(labels, weights, strict=True)]
    winner = _heaviest(labels, eligible)
    return max((index for index, label in enumerate(labels) if label == winner), key=lambda index: weights[index])


def _heaviest(labels: Sequence[Any], weights: Sequence[float]) -> Any:
    totals: Counter[Any] = Counter()
    for label, weight in zip(labels, weights, strict=True):
        totals[label] += weight  # type: ignore[assignment]  # a Counter holds any number
    return max(totals, key=lambda label: totals[label])  # insertion order: the earliest of a tie


def _highest(scores: Sequence[float | None]) -> int:
    return max(range(len(scores)), key=lambda index: -math.inf if scores[index] is None else scores[index] or 0.0)


def _value(verdict: Verdict | Exception) -> float | None:
    if isinstance(verdict, Exception) or verdict.value is None or math.isnan(verdict.value):
        return None
    return verdict.value


def _prefers_second(opinion: Opinion | Exception) -> bool:
    """Return whether the later reply wins; a failure, a missing score or a wrong number of scores decides nothing."""
    if isinstance(opinion, Exception) or len(opinion.scores) != 2:
        return False
    first, second = opinion.scores
    if first is None or second is None or not (math.isfinite(first) and math.isfinite(second)):
        return False
    return second > first
