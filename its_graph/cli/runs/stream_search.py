"""Runs a search beside the terminal: its events come in one by one, and it can be left at any moment.

The graph runs in a thread of its own, so that the caller can draw, keep the clock going and answer Ctrl-C at once,
even while a model call takes minutes.
"""

import threading
from collections.abc import Iterator, Mapping, Sequence
from queue import Empty, SimpleQueue
from typing import Any

from langgraph.graph import END, START, StateGraph

from its_graph.context import SearchContext
from its_graph.nodes.answer import answer
from its_graph.nodes.rules.types import ChoiceRule
from its_graph.search.events import rebuild
from its_graph.search.state import Charge, SearchState
from its_graph.search.tree import Tree

__all__ = ["events_of_search", "result_of"]

StreamEvent = Mapping[str, Any]

_SUPERSTEPS = 1_000_000
"""A search ends by its own rules and its budget, never by LangGraph's guard against endless loops."""


def events_of_search(
    graph: Any, problem: str, settings: SearchContext, *, tick_s: float = 0.1
) -> Iterator[StreamEvent | None]:
    """Yield the events of a search as they come, and None whenever `tick_s` seconds passed without one.

    Raises:
        Exception: whatever the search raised.
    """
    arrivals: SimpleQueue[StreamEvent | Exception | None] = SimpleQueue()

    def search() -> None:
        try:
            for part in graph.stream(
                {"problem": problem},
                {"recursion_limit": _SUPERSTEPS},
                context=settings,
                stream_mode="custom",
                subgraphs=True,
                version="v2",
            ):
                arrivals.put(part["data"])
            arrivals.put(None)
        except Exception as error:  # noqa: BLE001  crosses the thread and is raised again by the reader
            arrivals.put(error)

    threading.Thread(target=search, name="search", daemon=True).start()
    while True:
        try:
            arrived = arrivals.get(timeout=tick_s)
        except Empty:
            yield None
            continue
        if arrived is None:
            return
        if isinstance(arrived, Exception):
            raise arrived
        yield arrived


def result_of(
    events: Sequence[StreamEvent], choose: ChoiceRule, strategy: str, settings: SearchContext, seconds: float
) -> dict[str, Any]:
    """Return the result that a search ended with; if it was interrupted, as if it had chosen after these events.

    Args:
        events: what the search told until then.
        choose: the rule that finds the winner.
        strategy: its name, and `settings` its settings: they are missing where it was left before its first event.
        settings: see `strategy`.
        seconds: how long it ran.
    """
    state = {"strategy": strategy, "settings": settings.model_dump()} | rebuild(events)
    if "result" in state:
        return dict(state["result"])
    tree = Tree.of(state)
    if not tree.steps:
        state["failures"] = {}  # others were still under way: not a search of which every sample failed
    state["frontier"] = tree.frontier or [step for step in tree.children.get(None, []) if tree.open(step)]
    unsettled = _unsettled(tree, seconds)
    state["charges"] = {**tree.charges, str(len(tree.charges)): unsettled}
    state["stop_reason"] = "interrupted"
    result: dict[str, Any] = _answering(choose).invoke(state)["result"]
    note = "Interrupted: prompt tokens and FLOPs of calls that were still under way are not in the spend."
    return result | {"notes": [*result["notes"], note]}


def _unsettled(tree: Tree, seconds: float) -> Charge:
    """Return what the records show beyond the charges: a node settles when it ends, and the last one did not."""
    spent = tree.spend
    read = [score for score in tree.scores.values() if score["tokens"]]
    samples = len(tree.steps) + len(tree.failures)
    return Charge(
        node="interrupted",
        calls=max(0, samples + len(read) - spent.calls),
        prompt_tokens=0,
        cached_tokens=0,
        generated_tokens=max(0, sum(step["tokens"] for step in tree.steps.values()) - spent.generated_tokens),
        verifier_tokens=max(0, sum(score["tokens"] for score in read) - spent.verifier_tokens),
        seconds=max(0.0, seconds - spent.seconds),
        flops=0.0,
    )


def _answering(choose: ChoiceRule) -> Any:
    """Return a graph that does nothing but answer from the logs that it is given."""
    graph = StateGraph(SearchState)
    graph.add_node("answer", answer(choose))
    graph.add_edge(START, "answer")
    graph.add_edge("answer", END)
    return graph.compile(name="answer")
