"""Searches to show: their events with toy models, a server of toy models in a thread, and models that misbehave."""

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import Command

from its_graph.api.app import create_app
from its_graph.api.model_catalog import ServedModel
from its_graph.api.server import serving
from its_graph.catalog.registry import strategy
from its_graph.context import SearchContext
from its_graph.contracts import SampleRequest
from its_graph.graphs.beam_search import create_beam_search
from its_graph.nodes.rules.steering import every
from its_graph.testing import ScriptedGenerator, ToyGenerator, ToyVerifier

PROBLEM = "Add 3, 5, 4, 7, 2."
HOSTILE = (
    "<img src=x onerror=\"document.title='owned'\"></script><script>document.title='owned'</script> \\boxed{<b>7</b>}"
)

Events = list[dict[str, Any]]


@cache
def events_of(name: str, n: int = 8, text: str | None = None) -> Events:
    """Return the events of a search with toy models, or with a generator that always returns `text`."""
    registered = strategy(name)
    generator = ToyGenerator(0.3) if text is None else ScriptedGenerator(lambda request: text)
    options = {key: value for key, value in {"n": n, "width": 4, "price": 0.005}.items() if key in registered.options}
    graph = registered.create(generator, ToyVerifier(), options).compile(name=name)
    return _events(graph, {"problem": PROBLEM}, {})


def steered_events() -> Events:
    """Return the events of a search in which a person pruned a path, edited a step and gave a hint."""
    graph = create_beam_search(ToyGenerator(0.3), ToyVerifier(), n=8, width=4, ask=every(1))
    search = graph.compile(name="beam_search", checkpointer=InMemorySaver())
    config: RunnableConfig = {"configurable": {"thread_id": "1"}}
    events = _events(search, {"problem": PROBLEM}, config)
    first, second, *_ = dict.fromkeys(search.get_state(config).values["frontier"])
    reply = {"prune": [first], "edits": {second: "3 + 5 = 8\n\n"}, "hint": "Slowly."}
    events += _events(search, Command(resume=reply), config)
    while search.get_state(config).next:
        events += _events(search, Command(resume="approve"), config)
    return events


def _events(graph: Any, graph_input: Any, config: Any) -> Events:
    parts = graph.stream(
        graph_input, config, context=SearchContext(seed=7), stream_mode="custom", subgraphs=True, version="v2"
    )
    return [part["data"] for part in parts if part["type"] == "custom"]


class Gated(ToyGenerator):
    """Answers one batch of calls per permit."""

    def __init__(self) -> None:
        super().__init__(0.3)
        self.permits = threading.Semaphore(0)

    async def abatch_as_completed(
        self, inputs: Sequence[SampleRequest], config: Any = None, *, return_exceptions: bool = False, **kwargs: Any
    ) -> AsyncIterator[tuple[int, Any]]:
        while not self.permits.acquire(blocking=False):
            await asyncio.sleep(0.01)
        async for reply in super().abatch_as_completed(inputs, config, return_exceptions=return_exceptions):
            yield reply


@contextmanager
def served(models: dict[str, ServedModel], **options: Any) -> Iterator[str]:
    """Serve models from a thread with its own event loop; yields the URL."""
    ready, stop = threading.Event(), threading.Event()
    urls: list[str] = []

    async def serve() -> None:
        async with serving(create_app(models, **options)) as url:
            urls.append(url)
            ready.set()
            while not stop.is_set():
                await asyncio.sleep(0.02)

    thread = threading.Thread(target=lambda: asyncio.run(serve()), name="server")
    thread.start()
    try:
        assert ready.wait(30), "the server did not start"
        yield urls[0]
    finally:
        stop.set()
        thread.join()
