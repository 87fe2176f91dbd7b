"""Runs a search in its own thread: its events arrive one by one, and the caller can leave at any moment.

So the caller can draw, keep the clock running and respond to Ctrl-C at once, even while a model call takes minutes.
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
from its_graph.search.result import SearchResult
from its_graph.search.state import Charge, SearchState
from its_graph.search.tree import Tree

__all__ = ["final_result", "stream_search_events"]

StreamEvent = Mapping[str, Any]

_SUPERSTEPS = 1_000_000
"""A search ends by its own rules and its budget, never by LangGraph's guard against endless loops."""


def stream_search_events(
    graph: Any, problem: str, settings: SearchContext, *, tick_s: float = 0.1
) -> Iterator[StreamEvent | None]:
    """Yield the events of a search as they arrive, and None whenever `tick_s` seconds pass without one.

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
            arrival = arrivals.get(timeout=tick_s)
        except Empty:
            yield None
            continue
        if arrival is None:
            return
        if isinstance(arrival, Exception):
            raise arrival
        yield arrival


def final_result(
    events: Sequence[StreamEvent], choose: ChoiceRule, strategy: str, settings: SearchContext, seconds: float
) -> SearchResult:
    """Return the result of a search; for an interrupted one, as if it had chosen after these events.

    Args:
        events: all events so far.
        choose: the choice rule.
        strategy: name of the strategy; an interruption before the first event leaves no record of it.
        settings: context of the search; as for `strategy`.
        seconds: how long the search ran.
    """
    state = {"strategy": strategy, "settings": settings.model_dump()} | rebuild(events)
    tree = Tree(state)
    if tree.result is not None:
        return tree.result
    if not tree.steps:
        state["failures"] = {}  # other samples were still in flight: not a search in which every sample failed
    state["frontier"] = tree.frontier or [step for step in tree.children.get(None, []) if tree.open(step)]
    state["charges"] = {**tree.charges, str(len(tree.charges)): _uncharged(tree, seconds)}
    state["stop_reason"] = "interrupted"
    result: SearchResult = _answer_graph(choose).invoke(state)["result"]
    note = "Interrupted: the spend omits prompt tokens and FLOPs of calls in flight."
    return {**result, "notes": [*result["notes"], note]}


def _uncharged(tree: Tree, seconds: float) -> Charge:
    """Return what the records show beyond the charges: a node is charged when it ends, and the last one did not end."""
    charged = tree.spend
    read = [score for score in tree.scores.values() if score["tokens"]]
    samples = len(tree.steps) + len(tree.failures)
    return Charge(
        node="interrupted",
        calls=max(0, samples + len(read) - charged.calls),
        prompt_tokens=0,
        cached_tokens=0,
        generated_tokens=max(0, sum(step["tokens"] for step in tree.steps.values()) - charged.generated_tokens),
        verifier_tokens=max(0, sum(score["tokens"] for score in read) - charged.verifier_tokens),
        seconds=max(0.0, seconds - charged.seconds),
        flops=0.0,
    )


def _answer_graph(choose: ChoiceRule) -> Any:
    """Return a graph that only answers from the logs of its input."""
    graph = StateGraph(SearchState)
    graph.add_node("answer", answer(choose))
    graph.add_edge(START, "answer")
    graph.add_edge("answer", END)
    return graph.compile(name="answer")
