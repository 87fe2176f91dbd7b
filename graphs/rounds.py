"""How a round of a step search ends, with a person asked in between or not."""

from collections.abc import Hashable

from langgraph.graph import END

from its_graph.contracts import Generator
from its_graph.graphs.build import SearchGraph
from its_graph.nodes.rules.types import AskRule, PathRule
from its_graph.nodes.select import next_stop_or_finish
from its_graph.nodes.steer import exit_after_steering, steer
from its_graph.search.tree import Tree

__all__ = ["end_rounds"]


def _as_it_is(tree: Tree) -> list[str]:
    return tree.frontier


def end_rounds(
    graph: SearchGraph, generator: Generator, ask: AskRule | None, *, max_steps: int, at_end: PathRule = _as_it_is
) -> None:
    """Wire the exits of `select`: more rounds, the answer, or one path to be finished before it.

    With `ask` the node `steer` stands before the next round; a person may take the search to its answer from there.

    Args:
        graph: it has the nodes `expand`, `verify`, `select`, `finish` and `answer`.
        generator: whose way to end a step is kept where a person writes one.
        ask: when to ask; None never does.
        max_steps: the longest path.
        at_end: the paths to be left with when a person stops the search.
    """
    exits: dict[Hashable, str] = {"more": "expand", "enough": "answer", "unfinished": "finish"}
    if ask is None:
        graph.add_conditional_edges("select", next_stop_or_finish, exits)
    else:
        graph.add_node("steer", steer(ask, separator=generator.step_separator, max_steps=max_steps, at_end=at_end))
        graph.add_conditional_edges("select", next_stop_or_finish, exits | {"more": "steer"})
        graph.add_conditional_edges("steer", exit_after_steering, exits | {"judge": "verify"})
    graph.add_edge("finish", "answer")
    graph.add_edge("answer", END)
