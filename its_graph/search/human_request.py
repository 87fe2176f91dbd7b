"""What a search shows a person when it asks how to go on: plain data, the value of LangGraph's `interrupt`."""

from collections import Counter
from typing import Any, Literal

from typing_extensions import TypedDict  # pydantic makes no schema of the one in typing before Python 3.12

from its_graph.search.tree import Tree

__all__ = ["HumanRequest", "RequestedPath", "human_request"]


class RequestedPath(TypedDict):
    """A path that the search would go on with."""

    id: str
    text: str
    """The whole path."""
    step: str
    """Its last step alone."""
    score: float | None
    depth: int
    continuations: int
    """How many next steps it would get."""


class HumanRequest(TypedDict):
    """The question how to go on. The reply is a `Steering` of `its_graph.nodes.rules.steering`, as plain data."""

    type: Literal["its.human_request"]
    round: int
    """Rounds that are over."""
    frontier: list[RequestedPath]
    """The open paths of the frontier, each once."""
    spend: dict[str, Any]
    budget: dict[str, Any]
    problem: str | None
    """Why the last reply could not be used; None where there was none."""


def human_request(tree: Tree, number: int, problem: str | None = None) -> HumanRequest:
    """Return what to ask after round `number`, once more if `problem` says what was wrong with the reply."""
    return HumanRequest(
        type="its.human_request",
        round=number,
        frontier=[_path(tree, step, count) for step, count in Counter(filter(tree.open, tree.frontier)).items()],
        spend=tree.spend._asdict(),
        budget=tree.settings.budget.model_dump(),
        problem=problem,
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
