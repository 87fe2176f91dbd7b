"""What a model-calling node declares: the calls it plans, their price, and how it absorbs replies."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, NamedTuple, TypeVar

from langchain_core.runnables import Runnable

from its_graph.budget import NOTHING, Spend
from its_graph.search.state import Update
from its_graph.search.tree import Tree

__all__ = ["Absorbed", "ModelNode", "PlannedCall"]

_Request = TypeVar("_Request")
_Reply = TypeVar("_Reply")


class PlannedCall(NamedTuple, Generic[_Request]):
    """A call that a node wants to make."""

    id: str
    """Id of the record that the reply will become."""
    parent: str | None
    """Id of the step that it continues; None for a first step."""
    request: _Request
    """What the model is asked."""
    duplicates: tuple[str, ...] = ()
    """Ids that share this call because their requests are identical."""
    sources: tuple[str, ...] = ()
    """Ids of the records that the request shows to the model."""


class Absorbed(NamedTuple):
    """What a reply became: new records, and its actual cost."""

    update: Update
    """The new records."""
    spend: Spend
    """What the call cost."""
    deferred_cost: Spend = NOTHING
    """What the reply will cost later (its verification); kept reserved while this node runs."""


@dataclass(frozen=True)
class ModelNode(Generic[_Request, _Reply]):
    """What distinguishes one model-calling node from another. All functions except `prefetch` are pure."""

    name: str
    """Name of the node, in the graph and in the ledger."""
    model: Runnable[_Request, _Reply]
    """What is called: a generator, a verifier or a judge."""
    plan: Callable[[Tree], Sequence[PlannedCall[_Request]]]
    """The calls to make, in order of priority."""
    price: Callable[[_Request], Spend]
    """Worst-case cost of a call."""
    absorb: Callable[[Tree, PlannedCall[_Request], _Reply], Absorbed]
    """Turn a reply into records."""
    fail: Callable[[PlannedCall[_Request], Exception], Update]
    """Turn a call that failed for good into records."""
    fit_budget: Callable[[PlannedCall[_Request], Callable[[_Request], bool]], PlannedCall[_Request] | None] = (
        lambda planned, fits: None
    )
    """Make a call small enough that `fits(request)` is true; None if a smaller call makes no sense."""
    close: Callable[[Tree, list[str]], Update] = lambda tree, added: {}
    """The plain values to set at the end, given the ids of the steps added."""
    with_timeout: Callable[[_Request, float], _Request] = lambda request, seconds: request
    """Give a request its deadline, in seconds from now."""
    prefetch: Callable[[Tree, Update], None] = lambda tree, update: None
    """Start what the next node will need for records just written."""
    reserve: Callable[[Tree], Spend] = lambda tree: NOTHING
    """What must remain in the budget for work after this node."""
