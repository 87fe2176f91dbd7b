"""Conversations in OpenAI's form, as far as LangChain can read them: what is broken is named by message and field."""

import json
from typing import Annotated, Any

from langchain_core.messages import convert_to_messages, convert_to_openai_messages
from pydantic import AfterValidator, Field, ValidationError

from its_graph.api.serializable import check_storable
from its_graph.contracts import Message

__all__ = ["Messages"]


def _readable(messages: list[Message]) -> list[Message]:
    """Refuse what LangChain could not read later, when nobody can be told the field any more."""
    return [_read(place, message) for place, message in enumerate(messages)]


def _read(place: int, given: Message) -> Message:
    message = _filled(given)
    try:
        convert_to_openai_messages(convert_to_messages([message]))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"these are no chat messages: messages.{place}{_blame(message, error)}") from error
    return message


def _filled(message: Message) -> Message:
    """Return the message with `{}` for arguments of calls that are empty: some servers write none so."""
    calls = message.get("tool_calls")
    return message if not isinstance(calls, list) else {**message, "tool_calls": [_call(call) for call in calls]}


def _call(call: Any) -> Any:
    match call:
        case {"function": {"arguments": ""} as function}:
            return {**call, "function": {**function, "arguments": "{}"}}
    return call


def _blame(message: Message, error: Exception) -> str:
    """Return the field that makes a message unreadable, where it can be told, and what is wrong."""
    if (fault := _fault(message.get("tool_calls"))) is not None:
        return f".tool_calls{fault}"
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        return f".{first['loc'][0]}: {first['msg']}"
    if isinstance(error, KeyError):
        return f": there is no {error}"
    return f": {str(error).splitlines()[0]}"


def _fault(calls: Any) -> str | None:
    """Return what is wrong with the calls of a message; None where it is something else."""
    if calls is not None and not isinstance(calls, list):
        return ": a list is expected"
    for place, call in enumerate(calls or ()):
        match call:
            case {"function": {"name": str(), "arguments": arguments}}:
                if not _is_object(arguments):
                    return f".{place}.function.arguments: this is no JSON object"
            case _:
                return f".{place}: a function with `name` and `arguments` is expected"
    return None


def _is_object(arguments: Any) -> bool:
    try:
        return isinstance(json.loads(arguments) if isinstance(arguments, str) else arguments, dict)
    except ValueError:
        return False


Messages = Annotated[list[Message], Field(min_length=1), AfterValidator(check_storable), AfterValidator(_readable)]
"""A conversation in OpenAI's form."""
