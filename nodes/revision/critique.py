"""Critiques: which attempts to review, what to write from a review, and when the critic accepts."""

import re

from its_graph.nodes.rules.choice import eligible
from its_graph.nodes.rules.types import AcceptRule, Choice, SourceRule, StopRule
from its_graph.search.tree import Tree

__all__ = [
    "attempt_and_critique",
    "critique_accepts",
    "critique_of",
    "last_answer",
    "latest_attempt",
    "new_attempts",
    "refinements_done",
    "verdict_is_correct",
]

_VERDICT = re.compile(r"\bverdict\b[\s:*_`]*(correct|wrong|incorrect|right)\b", re.IGNORECASE)


def verdict_is_correct(text: str) -> bool:
    """Return whether the last `Verdict: ...` of a critique is `correct`; without a verdict, it is not."""
    verdicts = _VERDICT.findall(text)
    return bool(verdicts) and verdicts[-1].lower() in {"correct", "right"}


def latest_attempt(tree: Tree) -> list[str]:
    """Continue from the newest attempt: the path rule of self-refinement."""
    return [key for key, record in tree.steps.items() if "auxiliary" not in record][-1:]


def critique_of(tree: Tree, attempt: str) -> str | None:
    """Return the id of the critique of `attempt`; None if it has not been reviewed."""
    critiques = (key for key, record in tree.steps.items() if record.get("auxiliary") == "critique")
    return next((key for key in critiques if tree.steps[key].get("sources") == [attempt]), None)


def new_attempts(node: str, rounds: int) -> SourceRule:
    """Review the attempt just written, unless `node` has run `rounds` times: then nothing would read the review."""

    def sources(tree: Tree) -> list[list[str]]:
        return [] if tree.runs(node) >= rounds else [[attempt] for attempt in tree.new_steps]

    return sources


def attempt_and_critique(tree: Tree) -> list[list[str]]:
    """Write the next attempt from the latest one and its critique, as far as they exist."""
    attempt = tree.frontier[-1:]
    critique = critique_of(tree, attempt[0]) if attempt else None
    return [attempt if critique is None else [*attempt, critique]]


def critique_accepts(accepts: AcceptRule) -> StopRule:
    """Stop when the critic finds no mistake in the latest attempt."""

    def rule(tree: Tree) -> str | None:
        critique = critique_of(tree, tree.frontier[-1]) if tree.frontier else None
        return "accepted" if critique is not None and accepts(tree.text(critique)) else None

    return rule


def refinements_done(node: str, rounds: int) -> StopRule:
    """Stop when `node` has written its last attempt."""

    def rule(tree: Tree) -> str | None:
        return "completed" if tree.runs(node) >= rounds else None

    return rule


def last_answer(tree: Tree) -> Choice:
    """Choose the newest attempt that has an answer; if none has (as in prose), the newest that was not truncated."""
    for index in range(len(tree.answer_classes) - 1, -1, -1):
        if (label := tree.answer_classes[index]) is not None:
            return Choice(index, votes={label: 1.0})
    if not tree.finalists:
        return Choice(None, notes=("There is no candidate to choose from.",))
    return Choice(eligible(tree)[-1], notes=("No candidate has a final answer: the last one was taken.",))
