"""The loop that step searches share: expand, verify, select, repeat. They differ in the path rule of `select`.

    question -> expand -> verify -> select
    select -(more)-> expand
    select -(enough)-> answer
    select -(unfinished)-> finish -> answer

Beam search, DVTS, REBASE and particle filtering are this graph with different path rules. With lookahead, greedy steps
(`lookahead_1`, ...) come between `expand` and `verify`. With `ask`, `steer` comes between `select` and `expand`.
"""

from collections.abc import Hashable, Iterable

from langchain_core.runnables import Runnable
from langgraph.graph import END

from its_graph.contracts import Generator, Verifier
from its_graph.graphs.build import (
    SearchGraph,
    recursion_guard,
    require,
    require_at_least_one,
    search_graph,
)
from its_graph.nodes.answer import answer
from its_graph.nodes.expand import expand, lookahead
from its_graph.nodes.generate import complete
from its_graph.nodes.rules.choice import weighted
from its_graph.nodes.rules.stopping import no_open_path, too_deep
from its_graph.nodes.rules.types import AskRule, ChoiceRule, PathRule, StopRule
from its_graph.nodes.select import next_stop_or_finish, select
from its_graph.nodes.steer import exit_after_steering, steer
from its_graph.nodes.verify import verify
from its_graph.search.state import SearchState, Update
from its_graph.search.tree import Tree

__all__ = ["add_chain", "add_exits", "require_divisible", "step_search"]


def step_search(
    strategy: str,
    generator: Generator,
    verifier: Verifier,
    keep: PathRule,
    *,
    n: int,
    max_steps: int = 40,
    lookahead_steps: int = 0,
    stop: tuple[StopRule, ...] = (),
    choose: ChoiceRule | None = None,
    ask: AskRule | None = None,
) -> SearchGraph:
    """Return the graph of a step search.

    Args:
        strategy: name of the strategy, as results report it.
        generator: source of the steps; must be able to continue a prefix.
        verifier: process reward model, which scores partial solutions.
        keep: the paths to expand, each once per continuation.
        n: steps sampled in the first round; >= 1.
        max_steps: longest path, in steps; >= 1.
        lookahead_steps: greedy steps sampled after each path before it is scored; >= 0.
        stop: reasons to stop, in addition to `max_steps` and to having no open path left.
        choose: how to choose among the finished paths; a weighted vote by default.
        ask: when to ask a person, after a round (`its_graph.nodes.rules.steering`); None never asks.

    Raises:
        ConfigurationError: if a size is out of range.
        ContinuationError: if the generator cannot continue a prefix.
    """
    require_at_least_one(strategy, n=n, max_steps=max_steps)
    require(lookahead_steps >= 0, f"{strategy} needs lookahead >= 0", lookahead=lookahead_steps)
    graph = search_graph(strategy, n=n)
    # With lookahead the verifier reads each path to the end of its rollout, so prefetching the step would be wasted.
    graph.add_node("expand", expand(generator, n=n, verifier=verifier, prefetch=lookahead_steps == 0))
    graph.add_node("verify", verify(verifier))
    graph.add_node("select", select(keep, *stop, no_open_path, too_deep(max_steps), recursion_guard(graph)))
    graph.add_node("finish", complete(generator))
    graph.add_node("answer", answer(choose or weighted(verifier.score_range)))
    graph.add_edge("question", "expand")
    rollout = [(f"lookahead_{step}", lookahead(generator, verifier)) for step in range(1, lookahead_steps + 1)]
    add_chain(graph, "expand", rollout, "verify")
    graph.add_edge("verify", "select")
    add_exits(graph, generator, ask, max_steps=max_steps)
    return graph


def _keep_frontier(tree: Tree) -> list[str]:
    return tree.frontier


def add_exits(
    graph: SearchGraph, generator: Generator, ask: AskRule | None, *, max_steps: int, at_end: PathRule = _keep_frontier
) -> None:
    """Add the exits of `select`: another round, the answer, or completing one path before it.

    With `ask`, the node `steer` comes before the next round; from there a person may also end the search.

    Args:
        graph: has the nodes `expand`, `verify`, `select`, `finish` and `answer`.
        generator: generator whose step separator also ends the steps that a person writes.
        ask: when to ask a person; None never asks.
        max_steps: longest path, in steps.
        at_end: the frontier when a person stops the search.
    """
    exits: dict[Hashable, str] = {"more": "expand", "enough": "answer", "unfinished": "finish"}
    if ask is None:
        graph.add_conditional_edges("select", next_stop_or_finish, exits)
    else:
        graph.add_node("steer", steer(ask, separator=generator.step_separator, max_steps=max_steps, at_end=at_end))
        graph.add_conditional_edges("select", next_stop_or_finish, exits | {"more": "steer"})
        graph.add_conditional_edges("steer", exit_after_steering, exits | {"verify": "verify"})
    graph.add_edge("finish", "answer")
    graph.add_edge("answer", END)


def add_chain(
    graph: SearchGraph, first: str, nodes: Iterable[tuple[str, Runnable[SearchState, Update]]], last: str
) -> None:
    """Add `nodes`, by name, one after another between the nodes `first` and `last`."""
    previous = first
    for name, node in nodes:
        graph.add_node(name, node)
        graph.add_edge(previous, name)
        previous = name
    graph.add_edge(previous, last)


def require_divisible(strategy: str, n: int, width: int) -> None:
    """Reject a `width` that does not divide the n steps of a round evenly.

    Raises:
        ConfigurationError: unless 1 <= width <= n and width divides n.
    """
    require(1 <= width <= n and n % width == 0, f"{strategy} needs a width that divides n", n=n, width=width)
