"""select: decide which open paths to expand next, and whether the search continues."""

from typing import Literal

from its_graph.nodes.rules.types import PathRule, StopRule
from its_graph.search.events import emit
from its_graph.search.state import PureNode, SearchState, Update
from its_graph.search.tree import Tree

__all__ = ["next_or_stop", "next_stop_or_finish", "select"]


def select(keep: PathRule, *stop: StopRule, at_end: PathRule | None = None) -> PureNode:
    """Return the node that sets the frontier by `keep` and stops by the first of `stop` that gives a reason.

    A search that a node has stopped already (budget) stays stopped. A frontier without an open path also ends it.

    Args:
        keep: the paths to expand next.
        stop: reasons to stop, in order of precedence.
        at_end: the frontier once the search stops, if it differs from that of `keep`.
    """

    def node(state: SearchState) -> Update:
        tree = Tree.for_strategy(state)
        frontier = keep(tree)
        running = tree.stop_reason is None
        all_failed = running and not frontier and not tree.new_steps and any(map(tree.open, tree.frontier))
        if not running or all_failed:  # paths that could not be continued are still the best there are
            frontier = frontier or tree.frontier
        tree = tree.with_frontier(frontier)
        update: Update = {"frontier": frontier}
        if all_failed:
            update["stop_reason"] = "failures"
        elif running:
            update["stop_reason"] = next((reason for rule in stop if (reason := rule(tree))), None)
        if at_end is not None and (tree.stop_reason or update["stop_reason"]):
            update["frontier"] = at_end(tree)
        emit(update)
        return update

    return node


def next_or_stop(state: SearchState) -> Literal["more", "enough"]:
    """Return the exit: `more` unless the search has stopped."""
    return "more" if state["stop_reason"] is None else "enough"


def next_stop_or_finish(state: SearchState) -> Literal["more", "enough", "unfinished"]:
    """Return the exit of a step search: `unfinished` if it stops without a solution but a path can be completed."""
    if state["stop_reason"] is None:
        return "more"
    tree = Tree.for_strategy(state)
    can_finish = any(map(tree.open, tree.frontier)) or not tree.samples_drawn
    return "unfinished" if can_finish and not tree.completed else "enough"
