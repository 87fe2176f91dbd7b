"""Every strategy over the embedded models, one name each: what `langgraph.json` shows to `langgraph dev` and Studio.

Each name is a function that returns the graph, uncompiled: the server compiles it with its own checkpointer, and loads
the models when it does.
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


def _named(name: str) -> Callable[[], Awaitable[Any]]:
    def build() -> Any:
        return create(name, *_models())

    async def graph() -> Any:
        return await asyncio.to_thread(build)  # the server forbids to load models in its own loop

    graph.__name__ = name
    return graph


GRAPHS = {name: _named(name) for name in STRATEGIES}
"""The functions by name."""
globals().update(GRAPHS)  # the server looks a name up among the module's own, and asks no `__getattr__`
