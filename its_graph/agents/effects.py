"""What an agent's tools may do while an attempt is only an attempt.

Tools are marked: `read_only` ones run, `reversible` ones run and are undone in the attempts that lose, `commit` ones
are put off until an attempt has won. A tool without a mark counts as `commit`.
"""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Literal, TypeAlias, TypeVar

from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.tools import BaseTool

from its_graph.agents.side_effects import Attempt, current_attempt
from its_graph.errors import ConfigurationError, MissingExtraError

try:
    from langchain.agents.middleware import AgentMiddleware, ToolCallRequest
except ImportError as error:
    raise MissingExtraError("langchain", "agents") from error

__all__ = ["Effect", "ToolEffects", "ToolGuard", "Undo", "effect_of", "mark", "undo_of"]

Effect = Literal["read_only", "reversible", "commit"]
Undo: TypeAlias = Callable[[dict[str, Any], Any], Awaitable[None] | None]
"""Takes the arguments of a call and the content that it returned, and takes the call back; may be async."""

_ToolT = TypeVar("_ToolT", bound=BaseTool)

_EFFECT, _UNDO = "its_effect", "its_undo"


def mark(tool: _ToolT, effect: Effect, *, undo: Undo | None = None) -> _ToolT:
    """Return a copy of `tool` that says what its calls do to the world.

    Args:
        tool: a LangChain tool.
        effect: `read_only` (it changes nothing), `reversible` (`undo` takes it back), or `commit` (for good).
        undo: takes the arguments of a call and its content, and takes the call back. One that fails is tried again
            when the search is resumed. An async one needs `ainvoke`.

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


def undo_of(tool: BaseTool) -> Undo:
    """Return what takes a call of a reversible tool back."""
    undo: Undo = (tool.metadata or {})[_UNDO]
    return undo


_allowed: ContextVar[bool] = ContextVar("its_graph_tool_allowed", default=False)


class ToolEffects(AgentMiddleware[Any, Any, Any]):
    """Keeps an agent's tools from changing the world in an attempt that may lose; elsewhere it does nothing.

    Example:
        >>> agent = create_agent(model, [search, mark(pay, "commit")], middleware=[ToolEffects()])
    """

    def wrap_tool_call(self, request: ToolCallRequest, handler: Callable[[ToolCallRequest], Any]) -> Any:
        """Run, note or put off a tool call."""
        attempt = current_attempt()
        if attempt is None or request.tool is None:
            return handler(request)
        if effect_of(request.tool) == "commit":
            return attempt.put_off_call(request.tool, request.tool_call, request.state)
        with _allowing():
            reply = handler(request)
        _note(attempt, request, reply)
        return reply

    async def awrap_tool_call(
        self, request: ToolCallRequest, handler: Callable[[ToolCallRequest], Awaitable[Any]]
    ) -> Any:
        """As `wrap_tool_call`."""
        attempt = current_attempt()
        if attempt is None or request.tool is None:
            return await handler(request)
        if effect_of(request.tool) == "commit":
            return attempt.put_off_call(request.tool, request.tool_call, request.state)
        with _allowing():
            reply = await handler(request)
        _note(attempt, request, reply)
        return reply


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


def _note(attempt: Attempt, request: ToolCallRequest, reply: Any) -> None:
    if effect_of(request.tool) == "reversible":
        attempt.note(request.tool_call, reply)
