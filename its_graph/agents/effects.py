"""What an agent's tools may do while an attempt is only an attempt.

Tools are marked: `read_only` ones run, `reversible` ones run and are undone in the attempts that lose, `commit` ones
are put off until an attempt has won. A tool without a mark counts as `commit`.
"""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.messages import ToolCall, ToolMessage
from langchain_core.tools import BaseTool

from its_graph.errors import ConfigurationError, MissingExtraError

try:
    from langchain.agents.middleware import AgentMiddleware, ToolCallRequest
except ImportError as error:
    raise MissingExtraError("langchain", "agents") from error

__all__ = ["Attempt", "Effect", "ToolEffects", "ToolGuard", "attempting", "effect_of", "mark", "undo_of"]

Effect = Literal["read_only", "reversible", "commit"]
Tool = TypeVar("Tool", bound=BaseTool)

_EFFECT, _UNDO = "its_effect", "its_undo"
PUT_OFF = (
    "Noted. {name} will be carried out once, if this attempt is chosen; go on as if it had succeeded, and do not call "
    "it again for the same purpose."
)


def mark(tool: Tool, effect: Effect, *, undo: Callable[[dict[str, Any], Any], None] | None = None) -> Tool:
    """Return a copy of `tool` that says what its calls do to the world.

    Args:
        tool: a LangChain tool.
        effect: `read_only` (it changes nothing), `reversible` (`undo` takes it back), or `commit` (for good).
        undo: takes the arguments of a call and its content, and takes the call back.

    Raises:
        ConfigurationError: a reversible tool without `undo`, or an `undo` for any other.
    """
    if (effect == "reversible") != (undo is not None):
        raise ConfigurationError(
            f"{tool.name} is marked {effect!r}: a reversible tool needs `undo`, and no other has it."
        )
    return tool.model_copy(update={"metadata": {**(tool.metadata or {}), _EFFECT: effect, _UNDO: undo}})


def effect_of(tool: BaseTool | None) -> Effect:
    """Return the mark of `tool`; `commit` where there is none."""
    effect: Effect = ((tool.metadata if tool else None) or {}).get(_EFFECT, "commit")
    return effect


def undo_of(tool: BaseTool) -> Callable[[dict[str, Any], Any], None]:
    """Return what takes a call of a reversible tool back."""
    undo: Callable[[dict[str, Any], Any], None] = (tool.metadata or {})[_UNDO]
    return undo


@dataclass
class Attempt:
    """What one attempt did to the world, and would do."""

    put_off: list[ToolCall] = field(default_factory=list)
    """Calls to commit, in order."""
    to_undo: list[tuple[ToolCall, Any]] = field(default_factory=list)
    """Reversible calls that were made, with what they returned."""


_attempt: ContextVar[Attempt | None] = ContextVar("its_graph_attempt", default=None)
_allowed: ContextVar[bool] = ContextVar("its_graph_tool_allowed", default=False)


@contextmanager
def attempting(attempt: Attempt) -> Iterator[None]:
    """Let tool calls of this context be those of `attempt`."""
    token = _attempt.set(attempt)
    try:
        yield
    finally:
        _attempt.reset(token)


class ToolEffects(AgentMiddleware[Any, Any, Any]):
    """Keeps an agent's tools from changing the world in an attempt that may lose; elsewhere it does nothing.

    Example:
        >>> agent = create_agent(model, [search, mark(pay, "commit")], middleware=[ToolEffects()])
    """

    def wrap_tool_call(self, request: ToolCallRequest, handler: Callable[[ToolCallRequest], Any]) -> Any:
        """Run, note or put off a tool call."""
        attempt = _attempt.get()
        if attempt is None:
            return handler(request)
        if effect_of(request.tool) == "commit":
            return _put_off(attempt, request)
        with _allowing():
            reply = handler(request)
        return _noted(attempt, request, reply)

    async def awrap_tool_call(
        self, request: ToolCallRequest, handler: Callable[[ToolCallRequest], Awaitable[Any]]
    ) -> Any:
        """As `wrap_tool_call`."""
        attempt = _attempt.get()
        if attempt is None:
            return await handler(request)
        if effect_of(request.tool) == "commit":
            return _put_off(attempt, request)
        with _allowing():
            reply = await handler(request)
        return _noted(attempt, request, reply)


class ToolGuard(BaseCallbackHandler):
    """Stops an attempt before a tool runs that nobody looked at: an agent without `ToolEffects`."""

    raise_error = True
    run_inline = True

    def on_tool_start(self, serialized: dict[str, Any], input_str: str, **kwargs: Any) -> None:
        """Raise ConfigurationError unless `ToolEffects` let the tool through."""
        if not _allowed.get():
            raise ConfigurationError(
                f"An attempt of the agent was about to run {serialized.get('name')!r}, which might change the world "
                "once for every attempt. Build the agent with ToolEffects() in its middleware."
            )


@contextmanager
def _allowing() -> Iterator[None]:
    token = _allowed.set(True)
    try:
        yield
    finally:
        _allowed.reset(token)


def _put_off(attempt: Attempt, request: ToolCallRequest) -> ToolMessage:
    call = request.tool_call
    attempt.put_off.append(call)
    return ToolMessage(PUT_OFF.format(name=call["name"]), name=call["name"], tool_call_id=call["id"])


def _noted(attempt: Attempt, request: ToolCallRequest, reply: Any) -> Any:
    if effect_of(request.tool) == "reversible" and isinstance(reply, ToolMessage) and reply.status != "error":
        attempt.to_undo.append((request.tool_call, reply.content))
    return reply
