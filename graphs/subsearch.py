"""A strategy as part of a search that is under way: one question, one log, one ledger.

Samples drawn before it, the pilots, are candidates of the answer. A strategy over whole solutions counts them as its
own first samples (`going_on`); one that grows a tree of its own begins beside them (`beginning`), and draws, keeps and
stops as it does alone.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeAlias

from its_graph.errors import ConfigurationError
from its_graph.search.state import Entry, PureNode, SearchState, Update
from its_graph.search.tree import Tree

__all__ = ["EntryRule", "as_part", "beginning", "builds_part", "enter", "going_on", "require_alone"]

EntryRule: TypeAlias = Callable[[Tree], Entry | None]
"""Says where a strategy begins its own work in a search under way; None takes all records for its own. Pure."""

_BUILDS_PART: ContextVar[bool] = ContextVar("builds_part", default=False)


def going_on(tree: Tree) -> Entry | None:
    """Take all samples so far for one's own: n = 16 after 2 pilots draws 14 more."""
    return None


def beginning(tree: Tree) -> Entry | None:
    """Begin beside the pilots: draw as many samples as alone."""
    return Entry(record=tree.next_id, charge=len(tree.charges))


@contextmanager
def as_part() -> Iterator[None]:
    """Let factories called inside build their strategy as part of a search under way."""
    token = _BUILDS_PART.set(True)
    try:
        yield
    finally:
        _BUILDS_PART.reset(token)


def builds_part() -> bool:
    """Tell whether a strategy that is built now will be part of another search."""
    return _BUILDS_PART.get()


def enter(entry: EntryRule) -> PureNode:
    """Return the node with which a part goes on: it takes no question in and empties no log."""

    def node(state: SearchState) -> Update:
        return {"entry": entry(Tree.of(state)), "new_steps": [], "frontier": []}

    return node


def require_alone(strategy: str, reason: str) -> None:
    """Raise a `ConfigurationError` that gives the `reason` where a strategy is built as part of another search."""
    if builds_part():
        raise ConfigurationError(
            f"{strategy} cannot be part of another search: {reason} Take another strategy there, or {strategy} alone."
        )
