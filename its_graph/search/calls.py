"""What a node says of the calls that it wants made: the calls themselves, their price, and what to do with replies."""

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
    request: _Request
    duplicates: tuple[str, ...] = ()
    """Ids that share this call, because they would ask exactly the same."""
    sources: tuple[str, ...] = ()
    """Ids of the records that the request shows to the model."""


class Absorbed(NamedTuple):
    """What became of a reply: new records, and what it really cost."""

    update: Update
    spend: Spend
    deferred_cost: Spend = NOTHING
    """What it will cost later (its verification), kept reserved while this node goes on."""


@dataclass(frozen=True)
class ModelNode(Generic[_Request, _Reply]):
    """What tells one model-calling node from another. All functions but `ahead` are pure."""

    name: str
    model: Runnable[_Request, _Reply]
    plan: Callable[[Tree], Sequence[PlannedCall[_Request]]]
    price: Callable[[_Request], Spend]
    """Worst case of a call."""
    absorb: Callable[[Tree, PlannedCall[_Request], _Reply], Absorbed]
    fail: Callable[[PlannedCall[_Request], Exception], Update]
    fit_budget: Callable[[PlannedCall[_Request], Callable[[_Request], bool]], PlannedCall[_Request] | None]
    """Make a call small enough to fit (given a test that tells), or None where that makes no sense."""
    close: Callable[[Tree, list[str]], Update]
    """The plain values to set once all is done, given the ids that were planned and absorbed."""
    with_timeout: Callable[[_Request, float], _Request] = lambda request, seconds: request
    """Give a request its deadline, in seconds from now."""
    ahead: Callable[[Tree, Update], None] = lambda tree, update: None
    """Begin what comes after this node for records that were just written. It may start work, and returns nothing."""
    hold: Callable[[Tree], Spend] = lambda tree: NOTHING
    """What must stay in the budget untouched, for work that comes after this node."""
