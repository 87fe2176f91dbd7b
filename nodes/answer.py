"""answer: choose the winner and return it with everything behind it."""

from typing import cast

from langchain_core.messages import AIMessage

from its_graph.errors import SearchFailedError
from its_graph.nodes.rules.types import Choice, ChoiceRule
from its_graph.search.events import emit
from its_graph.search.result import CandidateResult, Route, SearchResult, Vote, ledger
from its_graph.search.state import PureNode, SearchState, Update
from its_graph.search.tree import Finalist, Tree

__all__ = ["answer"]


def answer(choose: ChoiceRule) -> PureNode:
    """Return the node that ends a search: `answer`, a message with the winning text, and `result`.

    `result` holds every candidate with its score, best first, the votes, and the ledger. Totals are in `result` and in
    the message's `response_metadata["its"]`, never in `usage_metadata`, where callbacks would count them twice.

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
        summary = {
            "strategy": result["strategy"],
            "answer": result["answer"],
            "stop_reason": result["stop_reason"],
            "spend": result["spend"],
        }
        text = winner.text if winner else "The budget did not allow a single sample."
        message = AIMessage(text, response_metadata={"its": summary})
        update: Update = {"messages": [message], "answer": result["answer"], "result": result}
        emit(update)
        return update

    return node


def _all_failed(tree: Tree) -> SearchFailedError:
    first = next(iter(tree.failures.values()))["reason"]
    count = len(tree.failures)
    return SearchFailedError(
        f"All samples failed ({count} of {count}). First error: {first}",
        spend=tree.spend,
        failures=dict(tree.failures),
    )


def _result(tree: Tree, choice: Choice, winner: Finalist | None) -> SearchResult:
    ranked = sorted(tree.finalists, key=lambda finalist: tree.sort_key(finalist.id))
    result = SearchResult(
        answer=winner.answer if winner else None,
        text=winner.text if winner else None,
        strategy=tree.strategy,
        seed=tree.settings.seed,
        stop_reason=tree.stop_reason or "completed",
        candidates=[cast(CandidateResult, finalist._asdict()) for finalist in ranked],
        votes=_votes(tree, choice),
        tie=choice.tie,
        abstained=sum(label is None for label in tree.answer_classes),
        truncated=sum(finalist.truncated for finalist in tree.finalists),
        # Without any score nothing was meant to be scored; with one, every finalist without a score missed it.
        unscored=sum(finalist.score is None for finalist in tree.finalists) if tree.scores else 0,
        failed=[failure["reason"] for failure in tree.failures.values()],
        notes=[*choice.notes, *_routing_notes(tree.route)],
        spend=ledger(tree.spend),
    )
    if tree.route is not None:
        result["route"] = tree.route
    return result


def _routing_notes(route: Route | None) -> list[str]:
    """Say which strategy the question was routed to, and why."""
    if route is None:
        return []
    return [f"Routed: {route['reason']}.", *([] if route["fallback"] is None else [route["fallback"]])]


def _votes(tree: Tree, choice: Choice) -> list[Vote]:
    """Return each answer class with its first spelling, its size and its weight, heaviest first."""
    votes = []
    for label, weight in sorted(choice.votes.items(), key=lambda vote: (-vote[1], vote[0])):
        members = [index for index, other in enumerate(tree.answer_classes) if other == label]
        first = tree.finalists[members[0]].answer
        assert first is not None, "only answers have a class"
        votes.append(Vote(answer=first, count=len(members), weight=weight))
    return votes
