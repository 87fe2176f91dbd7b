"""An agent run isolated from the surrounding run: it keeps context, store and settings, but not streams and threads."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from langchain_core.callbacks import BaseCallbackManager, Callbacks
from langchain_core.runnables import Runnable, RunnableConfig
from langchain_core.runnables.config import var_child_runnable_config
from langgraph.pregel import Pregel
from langgraph.runtime import get_runtime

from its_graph.agents.hidden_calls import without_stream_handlers
from its_graph.agents.tool_effects import ToolGuard
from its_graph.generators.chat_model import HIDDEN_TAGS

__all__ = ["attempt_config", "context_argument", "detached", "isolated_agent"]

_GRAPH_PREFIXES = ("__pregel_", "checkpoint_", "langgraph_", "thread_id")
"""Prefixes of the settings that say where in the surrounding graph a node runs. The thread is one of them: attempts
that shared it would read each other's messages if anything inside them keeps checkpoints."""


def isolated_agent(agent: Runnable[Any, Any]) -> Runnable[Any, Any]:
    """Return the agent without checkpoints (nothing resumes an attempt), sharing the surrounding store."""
    if not isinstance(agent, Pregel):
        return agent
    return agent.copy({"checkpointer": False, "store": agent.store or get_runtime().store})


def context_argument() -> dict[str, Any]:
    """Return the surrounding run's context as a keyword argument, or no argument if there is no context."""
    context = get_runtime().context
    return {} if context is None else {"context": context}


@contextmanager
def detached() -> Iterator[None]:
    """Stream nothing of this context to the surrounding run; as its subgraph, every attempt would be visible."""
    token = var_child_runnable_config.set(None)
    try:
        yield
    finally:
        var_child_runnable_config.reset(token)


def attempt_config(config: RunnableConfig) -> RunnableConfig:
    """Keep the settings, tracers and counters of the surrounding run without its streams, and guard the tools."""
    configurable = _without_graph_settings(config.get("configurable") or {})
    metadata = _without_graph_settings(config.get("metadata") or {})
    callbacks = _guarded(config.get("callbacks"))
    return {"tags": list(HIDDEN_TAGS), "metadata": metadata, "configurable": configurable, "callbacks": callbacks}


def _without_graph_settings(settings: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in settings.items() if not name.startswith(_GRAPH_PREFIXES)}


def _guarded(callbacks: Callbacks) -> Callbacks:
    quiet = without_stream_handlers(callbacks)
    if not isinstance(quiet, BaseCallbackManager):
        return [*(quiet or []), ToolGuard()]
    quiet.add_handler(ToolGuard(), inherit=True)
    return quiet
