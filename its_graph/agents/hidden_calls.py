"""Calls that the user must not see: hidden from the surrounding run's streams, visible to its tracers and counters.

Code that runs inside may call another model than the given one (a fallback, a middleware's choice), so the call's
surroundings are changed, not the model.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from langchain_core.callbacks import BaseCallbackHandler, Callbacks
from langchain_core.runnables import RunnableConfig
from langchain_core.runnables.config import var_child_runnable_config

from its_graph.generators.chat_model import HIDDEN_TAGS

__all__ = ["hide_calls", "without_stream_handlers"]


@contextmanager
def hide_calls() -> Iterator[None]:
    """Hide what runs in this context, in its threads and in its tasks from the token streams."""
    config = var_child_runnable_config.get()
    if config is None:
        yield
        return
    tags = [*(config.get("tags") or []), *HIDDEN_TAGS]
    quiet: RunnableConfig = {**config, "tags": tags, "callbacks": without_stream_handlers(config.get("callbacks"))}
    token = var_child_runnable_config.set(quiet)
    try:
        yield
    finally:
        var_child_runnable_config.reset(token)


def without_stream_handlers(callbacks: Callbacks) -> Callbacks:
    """Return the callbacks without those that feed LangGraph's streams."""
    if callbacks is None:
        return None
    if isinstance(callbacks, list):
        return [handler for handler in callbacks if not _is_stream_handler(handler)]
    quiet = callbacks.copy()
    quiet.set_handlers([handler for handler in callbacks.inheritable_handlers if not _is_stream_handler(handler)])
    return quiet


def _is_stream_handler(handler: BaseCallbackHandler) -> bool:
    return type(handler).__module__.startswith("langgraph.")
