"""Side effects of an agent's attempt: reversible calls that were made, and calls deferred until it wins."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage, ToolCall, ToolMessage
from langchain_core.tools import BaseTool
from langgraph.types import Command
from pydantic import BaseModel, ValidationError
from typing_extensions import TypedDict

from its_graph.agents.tool_state import state_for

__all__ = ["Attempt", "DeferredCall", "DoneCall", "call_position", "current_attempt", "tool_message_for", "use_attempt"]

_DEFERRED = (
    "Noted. {name} will be carried out once, if this attempt is chosen; go on as if it had succeeded, and do not call "
    "it again for the same purpose."
)
_INVALID = "Error: the arguments {args} of {name} are wrong. {error}\nMend them and call again."


class DeferredCall(TypedDict):
    """A call to a `commit` tool, as plain data."""

    call: ToolCall
    state: dict[str, Any]
    """The part of the agent's state that the tool reads, without the messages."""


class DoneCall(TypedDict):
    """A reversible call that was made, as plain data."""

    call: ToolCall
    returned: Any
    """The content of its tool message; None without one."""


@dataclass
class Attempt:
    """The side effects of one attempt, in order of arrival: calls of one message run concurrently."""

    deferred: list[DeferredCall] = field(default_factory=list)
    done: list[DoneCall] = field(default_factory=list)

    def defer(self, tool: BaseTool, call: ToolCall, state: Any) -> ToolMessage:
        """Defer a call and return its placeholder reply; invalid arguments get an error reply, as in a plain agent."""
        if (error := _validation_error(tool, call)) is not None:
            text = _INVALID.format(args=call["args"], name=call["name"], error=error)
            return ToolMessage(text, name=call["name"], tool_call_id=call["id"], status="error")
        self.deferred.append(DeferredCall(call=call, state=state_for(tool, state)))
        return ToolMessage(_DEFERRED.format(name=call["name"]), name=call["name"], tool_call_id=call["id"])

    def record(self, call: ToolCall, reply: Any) -> None:
        """Record a reversible call, unless its tool reported an error."""
        message = tool_message_for(reply, call)
        if message is None or message.status != "error":
            self.done.append(DoneCall(call=call, returned=None if message is None else message.content))


_attempt: ContextVar[Attempt | None] = ContextVar("its_graph_attempt", default=None)


def current_attempt() -> Attempt | None:
    """Return the attempt running in this context; None outside of a search."""
    return _attempt.get()


@contextmanager
def use_attempt(attempt: Attempt) -> Iterator[None]:
    """Attribute the tool calls of this context to `attempt`."""
    token = _attempt.set(attempt)
    try:
        yield
    finally:
        _attempt.reset(token)


def call_position(turn: Sequence[BaseMessage], call_id: str | None) -> tuple[int, int]:
    """Return the position of a call: index of its message, then index in that message; after all others if absent."""
    for index, message in enumerate(turn):
        ids = [call["id"] for call in message.tool_calls] if isinstance(message, AIMessage) else []
        if call_id in ids:
            return index, ids.index(call_id)
    return len(turn), 0


def tool_message_for(reply: Any, call: ToolCall) -> ToolMessage | None:
    """Return the message that answers `call` from what a tool may return: a message, a command, or a list of them."""
    if isinstance(reply, ToolMessage):
        return reply if reply.tool_call_id == call["id"] else None
    if isinstance(reply, Command):
        return tool_message_for(reply.update, call)
    parts = reply.get("messages", ()) if isinstance(reply, Mapping) else reply if isinstance(reply, list) else ()
    return next((message for part in parts if (message := tool_message_for(part, call)) is not None), None)


def _validation_error(tool: BaseTool, call: ToolCall) -> ValidationError | None:
    schema = tool.tool_call_schema
    if isinstance(schema, type) and issubclass(schema, BaseModel):
        try:
            schema.model_validate(call["args"])
        except ValidationError as error:
            return error
    return None
