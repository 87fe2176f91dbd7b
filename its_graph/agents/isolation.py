"""An agent run apart from the run around it: with its context, store and settings, without its streams and threads."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from langchain_core.callbacks import BaseCallbackManager, Callbacks
from langchain_core.runnables import Runnable, RunnableConfig
from langchain_core.runnables.config import var_child_runnable_config
from langgraph.pregel import Pregel
from langgraph.runtime import get_runtime

from its_graph.agents.effects import ToolGuard
from its_graph.agents.hidden_calls import unstreamed
from its_graph.generators.chat_model import HIDDEN

__all__ = ["config_of", "context_of", "detached", "on_its_own"]

_OF_THE_GRAPH = ("__pregel_", "checkpoint_", "langgraph_", "thread_id")
"""What the names of settings begin with that say where in the surrounding graph a node stands. The thread is among
them: attempts that shared one would read each other's messages wherever something inside them keeps checkpoints."""


def on_its_own(agent: Runnable[Any, Any]) -> Runnable[Any, Any]:
    """Return an agent that keeps no checkpoints, for nothing resumes an attempt, and shares the surrounding store."""
    if not isinstance(agent, Pregel):
        return agent
    return agent.copy({"checkpointer": False, "store": agent.store or get_runtime().store})


def context_of() -> dict[str, Any]:
    """Return the surrounding run's context as an argument, if there is one."""
    context = get_runtime().context
    return {} if context is None else {"context": context}


@contextmanager
def detached() -> Iterator[None]:
    """Let what runs here stream nothing to the surrounding run: as its subgraph, all attempts would show."""
    token = var_child_runnable_config.set(None)
    try:
        yield
    finally:
        var_child_runnable_config.reset(token)


def config_of(config: RunnableConfig) -> RunnableConfig:
    """Keep the settings, tracers and counters of the surrounding run, without its streams, and guard the tools."""
    settings = _kept(config.get("configurable") or {})
    metadata = _kept(config.get("metadata") or {})
    callbacks = _guarded(config.get("callbacks"))
    return {"tags": list(HIDDEN), "metadata": metadata, "configurable": settings, "callbacks": callbacks}


def _kept(settings: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in settings.items() if not name.startswith(_OF_THE_GRAPH)}


def _guarded(callbacks: Callbacks) -> Callbacks:
    quiet = unstreamed(callbacks)
    if not isinstance(quiet, BaseCallbackManager):
        return [*(quiet or []), ToolGuard()]
    quiet.add_handler(ToolGuard(), inherit=True)
    return quiet
