"""Every strategy over the embedded models, by name: what `langgraph.json` offers to `langgraph dev` and Studio.

Each name is a function that returns the uncompiled graph. The server compiles it with its own checkpointer, and the
models are loaded at that time.
"""

import asyncio
from collections.abc import Awaitable, Callable
from functools import cache
from typing import Any

from its_graph.catalog.registry import STRATEGIES, create

__all__ = ["GRAPHS"]


@cache
def _models() -> Any:
    from its_graph.embedded import load

    return load()


def _graph_function(name: str) -> Callable[[], Awaitable[Any]]:
    def build() -> Any:
        return create(name, *_models())

    async def graph() -> Any:
        return await asyncio.to_thread(build)  # the server does not allow blocking its event loop to load models

    graph.__name__ = name
    return graph


GRAPHS = {name: _graph_function(name) for name in STRATEGIES}
"""The functions by name."""
globals().update(GRAPHS)  # the server looks names up in the module's dictionary, not through `__getattr__`
