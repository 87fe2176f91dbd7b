"""Every strategy over the embedded models, one name each: what `langgraph.json` shows to `langgraph dev` and Studio."""

from functools import cache
from typing import Any

from its_graph.registry import STRATEGIES, create

__all__ = ["STRATEGIES"]


def __getattr__(name: str) -> Any:
    """Return the graph of the strategy `name`, uncompiled: the server compiles it with its own checkpointer."""
    if name not in STRATEGIES:
        raise AttributeError(f"{__name__} has no strategy {name!r}; it has {', '.join(STRATEGIES)}.")
    return create(name, *_models())


@cache
def _models() -> Any:
    from its_graph.embedded import load

    return load()
