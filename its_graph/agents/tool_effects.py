"""What an agent's tools may do before an attempt has won.

`read_only` tools run, `reversible` tools run and are undone in losing attempts, `commit` tools are deferred until their
attempt has won. A tool without a mark counts as `commit`.
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
"""Undoes a call, given its arguments and the content it returned. May be async."""

_ToolT = TypeVar("_ToolT", bound=BaseTool)

_EFFECT, _UNDO = "its_effect", "its_undo"


def mark(tool: _ToolT, effect: Effect, *, undo: Undo | None = None) -> _ToolT:
    """Return a copy of `tool` that declares the side effects of its calls.

    Args:
        tool: a LangChain tool.
        effect: `read_only` (changes nothing), `reversible` (`undo` undoes it), or `commit` (permanent).
        undo: undoes a call, given its arguments and the content it returned. If it fails, it is retried when the search
            is resumed. An async function requires `ainvoke`.

    Raises:
        ConfigurationError: a reversible tool without `undo`, or `undo` for any other tool.

    >>> from langchain_core.tools import tool
    >>> @tool
    ... def pay(amount: int) -> str:
    ...     "Pay a bill."
    ...     return f"paid {amount}"
    >>> effect_of(mark(pay, "commit"))
    'commit'
    """
    if (effect == "reversible") != (undo is not None):
        raise ConfigurationError(
            f"`undo` must be given for a reversible tool and only for one; got effect={effect!r} for {tool.name!r} "
            f"{'without' if undo is None else 'with'} undo."
        )
    return tool.model_copy(update={"metadata": {**(tool.metadata or {}), _EFFECT: effect, _UNDO: undo}})


def effect_of(tool: BaseTool | None) -> Effect:
    """Return the declared effect of `tool`; `commit` without a mark."""
    effect: Effect = ((tool.metadata if tool else None) or {}).get(_EFFECT, "commit")
    return effect


def undo_of(tool: BaseTool) -> Undo:
    """Return the undo function of a reversible tool."""
    undo: Undo = (tool.metadata or {})[_UNDO]
    return undo


_allowed: ContextVar[bool] = ContextVar("its_graph_tool_allowed", default=False)


class ToolEffects(AgentMiddleware[Any, Any, Any]):
    """Middleware that defers or records side effects of an agent's tools while an attempt may lose.

    Outside of `create_agent_best_of_n` it does nothing. See `mark` for how tools declare their effects.

    >>> from langchain.agents import create_agent
    >>> from langchain_core.messages import HumanMessage
    >>> from its_graph.agents.testing import ScriptedChatModel
    >>> model = ScriptedChatModel(script=lambda messages, number: "Done.")
    >>> agent = create_agent(model, [], middleware=[ToolEffects()])
    >>> agent.invoke({"messages": [HumanMessage("Pay the bill")]})["messages"][-1].text
    'Done.'
    """

    def wrap_tool_call(self, request: ToolCallRequest, handler: Callable[[ToolCallRequest], Any]) -> Any:
        """Run, record or defer a tool call."""
        attempt = current_attempt()
        if attempt is None or request.tool is None:
            return handler(request)
        if effect_of(request.tool) == "commit":
            return attempt.defer(request.tool, request.tool_call, request.state)
        with _allowing():
            reply = handler(request)
        _record(attempt, request, reply)
        return reply

    async def awrap_tool_call(
        self, request: ToolCallRequest, handler: Callable[[ToolCallRequest], Awaitable[Any]]
    ) -> Any:
        """Async version of `wrap_tool_call`."""
        attempt = current_attempt()
        if attempt is None or request.tool is None:
            return await handler(request)
        if effect_of(request.tool) == "commit":
            return attempt.defer(request.tool, request.tool_call, request.state)
        with _allowing():
            reply = await handler(request)
        _record(attempt, request, reply)
        return reply


class ToolGuard(BaseCallbackHandler):
    """Stops an attempt before it runs an unguarded tool, in an agent built without `ToolEffects`."""

    raise_error = True
    run_inline = True

    def on_tool_start(self, serialized: dict[str, Any], input_str: str, **kwargs: Any) -> None:
        """Raise ConfigurationError unless `ToolEffects` let the tool through."""
        if not _allowed.get():
            raise ConfigurationError(
                f"An attempt was about to run the tool {serialized.get('name')!r}, whose side effects would "
                "happen once per attempt. Build the agent with ToolEffects() in its middleware."
            )


@contextmanager
def _allowing() -> Iterator[None]:
    token = _allowed.set(True)
    try:
        yield
    finally:
        _allowed.reset(token)


def _record(attempt: Attempt, request: ToolCallRequest, reply: Any) -> None:
    if effect_of(request.tool) == "reversible":
        attempt.record(request.tool_call, reply)
