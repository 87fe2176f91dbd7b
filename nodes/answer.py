"""answer: choose the winner and hand over everything behind it."""

from typing import Any

from langchain_core.messages import AIMessage

from its_graph.errors import SearchFailedError
from its_graph.nodes.rules.types import Choice, ChoiceRule
from its_graph.search.events import emit
from its_graph.search.result import Route
from its_graph.search.state import PureNode, SearchState, Update
from its_graph.search.tree import Finalist, Tree

__all__ = ["answer"]


def answer(choose: ChoiceRule) -> PureNode:
    """Return the node that ends a search: `answer`, a message with the winning text, and `result`.

    `result` keeps every candidate with its score, best first, the votes, and the ledger. Totals stand there and in the
    message's `response_metadata["its"]`, never in `usage_metadata`, where callbacks would count them twice.

    Raises:
        SearchFailedError: if every sample failed; it carries what was spent and every failure.
    """

    def node(state: SearchState) -> Update:
        tree = Tree.of(state)
        choice = choose(tree)
        if choice.winner is None and tree.failures:
            raise _all_failed(tree)
        winner = None if choice.winner is None else tree.finalists[choice.winner]
        result = _result(tree, choice, winner)
        short = {key: result[key] for key in ("strategy", "answer", "stop_reason", "spend")}
        text = winner.text if winner else "The budget did not allow a single sample."
        message = AIMessage(text, response_metadata={"its": short})
        update: Update = {"messages": [message], "answer": result["answer"], "result": result}
        emit(update)
        return update

    return node


def _all_failed(tree: Tree) -> SearchFailedError:
    first = next(iter(tree.failures.values()))["reason"]
    count = len(tree.failures)
    return SearchFailedError(
        f"No candidate survived: {count} sample{'s' * (count != 1)} failed. The first: {first}",
        spend=tree.spend,
        failures=dict(tree.failures),
    )


def _result(tree: Tree, choice: Choice, winner: Finalist | None) -> dict[str, Any]:
    return {
        "answer": winner.answer if winner else None,
        "text": winner.text if winner else None,
        "strategy": tree.strategy,
        "seed": tree.settings.seed,
        "stop_reason": tree.stop_reason or "completed",
        "candidates": [_candidate(one) for one in sorted(tree.finalists, key=lambda one: tree.sort_key(one.id))],
        "votes": _votes(tree, choice),
        "tie": choice.tie,
        "abstained": sum(label is None for label in tree.answer_classes),
        "truncated": sum(one.truncated for one in tree.finalists),
        # Without a single verdict nothing was meant to be judged; with one, whatever lacks a score missed it.
        "unscored": sum(one.score is None for one in tree.finalists) if tree.scores else 0,
        "failed": [failure["reason"] for failure in tree.failures.values()],
        "notes": [*choice.notes, *_routed(tree.route)],
        "spend": tree.spend._asdict(),
        **({} if tree.route is None else {"route": dict(tree.route)}),
    }


def _routed(taken: Route | None) -> list[str]:
    """Say in words which strategy took the question, and why."""
    if taken is None:
        return []
    return [f"Routed: {taken['reason']}.", *([] if taken["fallback"] is None else [taken["fallback"]])]


def _candidate(one: Finalist) -> dict[str, Any]:
    return {
        "id": one.id,
        "text": one.text,
        "answer": one.answer,
        "score": one.score,
        "finished": one.finished,
        "truncated": one.truncated,
    }


def _votes(tree: Tree, choice: Choice) -> list[dict[str, Any]]:
    """Give each answer class in plain words: its first spelling, how often it came, and its weight."""
    votes = []
    for label, weight in sorted(choice.votes.items(), key=lambda item: (-item[1], item[0])):
        members = [index for index, other in enumerate(tree.answer_classes) if other == label]
        votes.append({"answer": tree.finalists[members[0]].answer, "count": len(members), "weight": weight})
    return votes
