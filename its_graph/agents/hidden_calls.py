"""Calls that the user must not see: hidden from the surrounding run's streams, heard by its tracers and counters.

What runs inside may ask another model than it was given (a fallback, a choice of a middleware), so the call's
surroundings are changed and not the model.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from langchain_core.callbacks import BaseCallbackHandler, Callbacks
from langchain_core.runnables import RunnableConfig
from langchain_core.runnables.config import var_child_runnable_config

from its_graph.generators.chat_model import HIDDEN

__all__ = ["hidden", "unstreamed"]


@contextmanager
def hidden() -> Iterator[None]:
    """Let what runs here show nothing in the streams of tokens; threads and tasks that it starts neither."""
    config = var_child_runnable_config.get()
    if config is None:
        yield
        return
    tags = [*(config.get("tags") or []), *HIDDEN]
    quiet: RunnableConfig = {**config, "tags": tags, "callbacks": unstreamed(config.get("callbacks"))}
    token = var_child_runnable_config.set(quiet)
    try:
        yield
    finally:
        var_child_runnable_config.reset(token)


def unstreamed(callbacks: Callbacks) -> Callbacks:
    """Return the callbacks without those that feed LangGraph's streams."""
    if callbacks is None:
        return None
    if isinstance(callbacks, list):
        return [handler for handler in callbacks if not _streams(handler)]
    quiet = callbacks.copy()
    quiet.set_handlers([handler for handler in callbacks.inheritable_handlers if not _streams(handler)])
    return quiet


def _streams(handler: BaseCallbackHandler) -> bool:
    """Tell whether a handler is one of LangGraph's own."""
    return type(handler).__module__.startswith("langgraph.")
