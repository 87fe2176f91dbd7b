"""A strategy as part of a search that is under way: one question, one log, one ledger.

Samples drawn before it, the pilots, are candidates of the answer. A strategy over whole solutions counts them as its
own first samples (`reuse_pilots`); one that grows a tree of its own begins beside them (`start_after_pilots`), and draws, keeps and
stops as it does alone.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from its_graph.errors import ConfigurationError
from its_graph.nodes.rules.types import StartRule
from its_graph.search.state import PureNode, SearchState, StrategyStart, Update
from its_graph.search.tree import Tree

__all__ = ["as_subsearch", "start_after_pilots", "building_subsearch", "enter_subsearch", "reuse_pilots", "require_standalone"]


_BUILDS_PART: ContextVar[bool] = ContextVar("building_subsearch", default=False)


def reuse_pilots(tree: Tree) -> StrategyStart | None:
    """Take all samples so far for one's own: n = 16 after 2 pilots draws 14 more."""
    return None


def start_after_pilots(tree: Tree) -> StrategyStart | None:
    """Begin beside the pilots: draw as many samples as alone."""
    return StrategyStart(record=tree.next_id, charge=len(tree.charges))


@contextmanager
def as_subsearch() -> Iterator[None]:
    """Let factories called inside build their strategy as part of a search under way."""
    token = _BUILDS_PART.set(True)
    try:
        yield
    finally:
        _BUILDS_PART.reset(token)


def building_subsearch() -> bool:
    """Tell whether a strategy that is built now will be part of another search."""
    return _BUILDS_PART.get()


def enter_subsearch(entry: StartRule) -> PureNode:
    """Return the node with which a part goes on: it takes no question in and empties no log."""

    def node(state: SearchState) -> Update:
        return {"strategy_start": entry(Tree.of(state)), "new_steps": [], "frontier": []}

    return node


def require_standalone(strategy: str, reason: str) -> None:
    """Raise a `ConfigurationError` that gives the `reason` where a strategy is built as part of another search."""
    if building_subsearch():
        raise ConfigurationError(
            f"{strategy} cannot be part of another search: {reason} Take another strategy there, or {strategy} alone."
        )
