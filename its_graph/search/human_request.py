"""What a search shows a person when it asks how to continue: plain data, the value of LangGraph's `interrupt`."""

from collections import Counter
from typing import Any, Literal

from typing_extensions import TypedDict  # pydantic cannot read typing.TypedDict before Python 3.12

from its_graph.search.result import Ledger, ledger
from its_graph.search.tree import Tree

__all__ = ["HumanRequest", "RequestedPath", "human_request"]


class RequestedPath(TypedDict):
    """A path that the search would expand next."""

    id: str
    """Id of its last step."""
    text: str
    """The whole path."""
    step: str
    """Its last step alone."""
    score: float | None
    """The verifier's score of the path; None if it is missing."""
    depth: int
    """Steps on the path."""
    continuations: int
    """How many next steps it would get."""


class HumanRequest(TypedDict):
    """The question of how to continue. The reply is a `Steering` of `its_graph.nodes.rules.steering`, as plain data."""

    type: Literal["its.human_request"]
    round: int
    """Rounds completed."""
    frontier: list[RequestedPath]
    """The open paths of the frontier, each once."""
    spend: Ledger
    """Compute used so far."""
    budget: dict[str, Any]
    """The fields of `Budget`; None means no limit."""
    error: str | None
    """Why the last reply could not be used; None on the first request."""


def human_request(tree: Tree, round_number: int, error: str | None = None) -> HumanRequest:
    """Return the request after round `round_number`; `error` says what was wrong with the previous reply, if any."""
    return HumanRequest(
        type="its.human_request",
        round=round_number,
        frontier=[_path(tree, step, count) for step, count in Counter(filter(tree.open, tree.frontier)).items()],
        spend=ledger(tree.spend),
        budget=tree.settings.budget.model_dump(),
        error=error,
    )


def _path(tree: Tree, step: str, continuations: int) -> RequestedPath:
    return RequestedPath(
        id=step,
        text=tree.text(step),
        step=tree.steps[step]["text"],
        score=tree.score(step),
        depth=tree.depth(step),
        continuations=continuations,
    )
