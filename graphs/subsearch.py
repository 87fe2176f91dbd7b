"""A strategy as part of a search in progress: one question, one log, one ledger.

Samples drawn before it, the pilots, are candidates for the answer. A strategy over whole solutions counts them as its
own first samples (`reuse_pilots`); one that grows its own tree starts after them (`start_after_pilots`), and samples,
selects and stops as it would alone.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from its_graph.errors import ConfigurationError
from its_graph.nodes.rules.types import StartRule
from its_graph.search.state import PureNode, SearchState, StrategyStart, Update
from its_graph.search.tree import Tree

__all__ = [
    "as_subsearch",
    "building_subsearch",
    "enter_subsearch",
    "require_standalone",
    "reuse_pilots",
    "start_after_pilots",
]

_BUILDING: ContextVar[bool] = ContextVar("building_subsearch", default=False)


def reuse_pilots(tree: Tree) -> StrategyStart | None:
    """Count all samples so far as the strategy's own: n = 16 after 2 pilots draws 14 more."""
    return None


def start_after_pilots(tree: Tree) -> StrategyStart | None:
    """Start after the pilots: draw as many samples as without them."""
    return StrategyStart(record=tree.next_id, charge=len(tree.charges))


@contextmanager
def as_subsearch() -> Iterator[None]:
    """Make factories called inside the context build their strategy as part of a search in progress."""
    token = _BUILDING.set(True)
    try:
        yield
    finally:
        _BUILDING.reset(token)


def building_subsearch() -> bool:
    """Return whether a strategy built now will be part of another search."""
    return _BUILDING.get()


def enter_subsearch(start: StartRule) -> PureNode:
    """Return the first node of a subsearch: it reads no question and clears no log."""

    def node(state: SearchState) -> Update:
        return {"strategy_start": start(Tree.of(state)), "new_steps": [], "frontier": []}

    return node


def require_standalone(strategy: str, reason: str) -> None:
    """Reject a strategy that cannot be part of another search.

    Raises:
        ConfigurationError: if it is being built as part of one; the message gives the `reason`.
    """
    if building_subsearch():
        raise ConfigurationError(
            f"{strategy} cannot be part of another search: {reason} "
            f"Use another strategy there, or run {strategy} on its own."
        )
