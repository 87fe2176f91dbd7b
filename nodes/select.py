"""select: decide which open paths the search goes on with, and whether it goes on at all."""

from typing import Literal

from its_graph.nodes.rules.types import PathRule, StopRule
from its_graph.search.events import emit
from its_graph.search.state import PureNode, SearchState, Update
from its_graph.search.tree import Tree

__all__ = ["next_or_stop", "next_stop_or_finish", "select"]




def select(keep: PathRule, *stop: StopRule, at_end: PathRule | None = None) -> PureNode:
    """Return the node that sets the frontier by `keep` and stops by the first of `stop` that says so.

    A search that a node has stopped already (budget) stays stopped. A frontier without an open path is the end too.

    Args:
        keep: the paths to go on with.
        stop: reasons to stop.
        at_end: the paths to be left with when the search stops, if not those that it would have gone on with.
    """

    def node(state: SearchState) -> Update:
        tree = Tree.for_strategy(state)
        kept = keep(tree)
        lost = any(map(tree.open, tree.frontier)) and not tree.new_steps and not kept and tree.stop_reason is None
        if tree.stop_reason is not None or lost:  # the paths that could not be continued are still the best there is
            kept = kept or tree.frontier
        tree.frontier = kept
        update: Update = {"frontier": kept}
        if lost:
            update["stop_reason"] = "failures"
        elif tree.stop_reason is None:
            update["stop_reason"] = next((reason for rule in stop if (reason := rule(tree))), None)
        if at_end is not None and (tree.stop_reason or update["stop_reason"]):
            update["frontier"] = at_end(tree)
        emit(update)
        return update

    return node


def next_or_stop(state: SearchState) -> Literal["more", "enough"]:
    """Name the exit: `more` while nothing stops the search."""
    return "more" if state["stop_reason"] is None else "enough"


def next_stop_or_finish(state: SearchState) -> Literal["more", "enough", "unfinished"]:
    """Name the exit of a step search: `unfinished` where it stops with open paths, or none yet, but no solution."""
    if state["stop_reason"] is None:
        return "more"
    tree = Tree.for_strategy(state)
    can_finish = any(map(tree.open, tree.frontier)) or not tree.samples_drawn
    return "unfinished" if can_finish and not tree.completed else "enough"
