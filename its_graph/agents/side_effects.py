"""What an attempt of an agent did to the world, and what it would do if it won."""

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

__all__ = ["Attempt", "DeferredCall", "DoneCall", "asked_in", "attempting", "current_attempt", "message_in"]

_PUT_OFF = (
    "Noted. {name} will be carried out once, if this attempt is chosen; go on as if it had succeeded, and do not call "
    "it again for the same purpose."
)
_WRONG = "Error: the arguments {args} of {name} are wrong. {error}\nMend them and call again."


class DeferredCall(TypedDict):
    """A call to commit, as plain data."""

    call: ToolCall
    state: dict[str, Any]
    """What the tool reads of the agent's state at the call, but for the messages."""


class DoneCall(TypedDict):
    """A reversible call that was made, as plain data."""

    call: ToolCall
    returned: Any
    """The content of its message; None where it has none."""


@dataclass
class Attempt:
    """The deeds of one attempt, as they came: calls of one message run side by side."""

    put_off: list[DeferredCall] = field(default_factory=list)
    made: list[DoneCall] = field(default_factory=list)

    def put_off_call(self, tool: BaseTool, call: ToolCall, state: Any) -> ToolMessage:
        """Note a call to commit and say so; one whose arguments are wrong is answered at once, as a plain agent's."""
        if (error := _wrong(tool, call)) is not None:
            said = _WRONG.format(args=call["args"], name=call["name"], error=error)
            return ToolMessage(said, name=call["name"], tool_call_id=call["id"], status="error")
        self.put_off.append(DeferredCall(call=call, state=state_for(tool, state)))
        return ToolMessage(_PUT_OFF.format(name=call["name"]), name=call["name"], tool_call_id=call["id"])

    def note(self, call: ToolCall, reply: Any) -> None:
        """Note a reversible call that was made, unless its tool says that it failed."""
        message = message_in(reply, call)
        if message is None or message.status != "error":
            self.made.append(DoneCall(call=call, returned=None if message is None else message.content))


_attempt: ContextVar[Attempt | None] = ContextVar("its_graph_attempt", default=None)


def current_attempt() -> Attempt | None:
    """Return the attempt that runs here; None outside of a search."""
    return _attempt.get()


@contextmanager
def attempting(attempt: Attempt) -> Iterator[None]:
    """Let tool calls of this context be those of `attempt`."""
    token = _attempt.set(attempt)
    try:
        yield
    finally:
        _attempt.reset(token)


def asked_in(turn: Sequence[BaseMessage], call_id: str | None) -> tuple[int, int]:
    """Return where a call stands: the place of its message, and its own in that one; behind all where it is in none."""
    for place, message in enumerate(turn):
        ids = [call["id"] for call in message.tool_calls] if isinstance(message, AIMessage) else []
        if call_id in ids:
            return place, ids.index(call_id)
    return len(turn), 0


def message_in(reply: Any, call: ToolCall) -> ToolMessage | None:
    """Return the message that answers `call`, out of whatever a tool may return: a message, a command, or several."""
    if isinstance(reply, ToolMessage):
        return reply if reply.tool_call_id == call["id"] else None
    if isinstance(reply, Command):
        return message_in(reply.update, call)
    parts = reply.get("messages", ()) if isinstance(reply, Mapping) else reply if isinstance(reply, list) else ()
    return next((found for part in parts if (found := message_in(part, call)) is not None), None)


def _wrong(tool: BaseTool, call: ToolCall) -> ValidationError | None:
    schema = tool.tool_call_schema
    if isinstance(schema, type) and issubclass(schema, BaseModel):
        try:
            schema.model_validate(call["args"])
        except ValidationError as error:
            return error
    return None
