"""attempt: run an agent several times side by side, hidden from the surrounding run's streams, its tools guarded."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated, Any, TypeAlias

from langchain_core.callbacks import BaseCallbackManager
from langchain_core.messages import AnyMessage, BaseMessage, HumanMessage, get_buffer_string
from langchain_core.runnables import Runnable, RunnableConfig, RunnableLambda
from langchain_core.runnables.config import ContextThreadPoolExecutor, var_child_runnable_config
from langgraph.graph.message import add_messages
from langgraph.runtime import get_runtime
from typing_extensions import TypedDict

from its_graph.agents.effects import Attempt, ToolGuard, attempting
from its_graph.errors import ConfigurationError, InputError
from its_graph.generators.chat_model import HIDDEN

__all__ = [
    "AgentSearchInput",
    "AgentSearchOutput",
    "AgentSearchState",
    "AttemptRecord",
    "Summarise",
    "attempt",
    "transcript",
]

Summarise: TypeAlias = Callable[[Sequence[BaseMessage]], str]
"""Makes of what an attempt said and did a text to be compared."""

_LONGEST = 4_000
"""Characters of a transcript, from its end."""


class AttemptRecord(TypedDict):
    """One attempt, as plain data."""

    messages: list[AnyMessage]
    summary: str
    put_off: list[dict[str, Any]]
    to_undo: list[dict[str, Any]]
    error: str | None


class AgentSearchInput(TypedDict):
    """The conversation so far."""

    messages: Annotated[list[AnyMessage], add_messages]


class AgentSearchOutput(TypedDict):
    """The conversation with the winner's turn, and everything behind it."""

    messages: Annotated[list[AnyMessage], add_messages]
    result: dict[str, Any]


class AgentSearchState(TypedDict, total=False):
    """State of the search."""

    messages: Annotated[list[AnyMessage], add_messages]
    attempts: list[AttemptRecord]
    picked: int
    scores: list[float | None]
    wave: int
    committed: list[AnyMessage]
    result: dict[str, Any]


def transcript(messages: Sequence[BaseMessage]) -> str:
    """Return what was said and done as text, the last 4,000 characters of it: the default summary."""
    return get_buffer_string(list(messages))[-_LONGEST:]


def attempt(agent: Runnable[Any, Any], n: int, summarise: Summarise) -> Runnable[AgentSearchState, dict[str, Any]]:
    """Return the node that runs `agent` n times; an attempt that fails loses only itself."""

    def call(state: AgentSearchState, config: RunnableConfig) -> dict[str, Any]:
        asked, context = _asked(state), _context()

        def run(_: int) -> AttemptRecord:
            deeds = Attempt()
            try:
                with attempting(deeds), _detached():
                    output = agent.invoke({"messages": asked}, _hidden(config), **context)
            except ConfigurationError:
                raise
            except Exception as error:  # noqa: BLE001  one attempt that fails loses only itself
                return _record(deeds, [], summarise, error)
            return _record(deeds, output["messages"][len(asked) :], summarise)

        with ContextThreadPoolExecutor(max_workers=n) as threads:
            return _wave(state, list(threads.map(run, range(n))))

    async def acall(state: AgentSearchState, config: RunnableConfig) -> dict[str, Any]:
        asked, context = _asked(state), _context()

        async def run() -> AttemptRecord:
            deeds = Attempt()
            try:
                with attempting(deeds), _detached():
                    output = await agent.ainvoke({"messages": asked}, _hidden(config), **context)
            except ConfigurationError:
                raise
            except Exception as error:  # noqa: BLE001  as above
                return _record(deeds, [], summarise, error)
            return _record(deeds, output["messages"][len(asked) :], summarise)

        return _wave(state, list(await asyncio.gather(*(run() for _ in range(n)))))

    return RunnableLambda(call, acall, name="attempt")


def _asked(state: AgentSearchState) -> list[AnyMessage]:
    """Return the conversation, and from the second wave on what the best attempt so far did."""
    messages = state.get("messages") or []
    if not messages:
        raise InputError("There is no task: give `messages` whose last one says what the agent shall do.")
    if not state.get("wave"):
        return list(messages)
    best = state["attempts"][state["picked"]]["summary"]
    shown = f"An earlier attempt at this task, which may be wrong:\n\n{best}\n\nDo the task again, and do it better."
    return [*messages, HumanMessage(shown)]


def _context() -> dict[str, Any]:
    """Return what an attempt inherits of the surrounding run as arguments: its context, if there is one."""
    context = get_runtime().context
    return {} if context is None else {"context": context}


@contextmanager
def _detached() -> Iterator[None]:
    """Let what runs here stream nothing to the surrounding run: as its subgraph, all attempts would show."""
    token = var_child_runnable_config.set(None)
    try:
        yield
    finally:
        var_child_runnable_config.reset(token)


def _hidden(config: RunnableConfig) -> RunnableConfig:
    """Keep the tracers and counters of the surrounding run, without its streams, and guard the tools."""
    callbacks = config.get("callbacks")
    if not isinstance(callbacks, BaseCallbackManager):
        return {"tags": list(HIDDEN), "callbacks": [*(callbacks or []), ToolGuard()]}
    guarded = callbacks.copy()
    kept = [
        handler for handler in callbacks.inheritable_handlers if not type(handler).__module__.startswith("langgraph.")
    ]
    guarded.set_handlers([*kept, ToolGuard()], inherit=True)
    return {"tags": list(HIDDEN), "callbacks": guarded}


def _record(
    deeds: Attempt, messages: list[AnyMessage], summarise: Summarise, error: Exception | None = None
) -> AttemptRecord:
    return AttemptRecord(
        messages=messages,
        summary=summarise(messages),
        put_off=[dict(call) for call in deeds.put_off],
        to_undo=[{"call": dict(call), "returned": content} for call, content in deeds.to_undo],
        error=None if error is None else f"{type(error).__name__}: {error}",
    )


def _wave(state: AgentSearchState, records: list[AttemptRecord]) -> dict[str, Any]:
    return {"attempts": [*(state.get("attempts") or []), *records], "wave": (state.get("wave") or 0) + 1}
