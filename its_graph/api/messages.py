"""Conversations in OpenAI's format, as far as LangChain can read them; errors name the message and the field."""

import json
from typing import Annotated, Any

from langchain_core.messages import convert_to_messages, convert_to_openai_messages
from pydantic import AfterValidator, Field, ValidationError

from its_graph.api.serializable import check_storable
from its_graph.contracts import Message

__all__ = ["Messages"]


def _check_convertible(messages: list[Message]) -> list[Message]:
    """Reject messages that LangChain could not convert later, when the error could no longer name the field."""
    return [_checked(index, message) for index, message in enumerate(messages)]


def _checked(index: int, raw_message: Message) -> Message:
    message = _with_arguments(raw_message)
    try:
        convert_to_openai_messages(convert_to_messages([message]))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"must be chat messages; messages.{index}{_describe(message, error)}") from error
    return message


def _with_arguments(message: Message) -> Message:
    """Return the message with empty tool-call arguments replaced by `{}`: some servers write no arguments this way."""
    calls = message.get("tool_calls")
    if not isinstance(calls, list):
        return message
    return {**message, "tool_calls": [_call_with_arguments(call) for call in calls]}


def _call_with_arguments(call: Any) -> Any:
    match call:
        case {"function": {"arguments": ""} as function}:
            return {**call, "function": {**function, "arguments": "{}"}}
    return call


def _describe(message: Message, error: Exception) -> str:
    """Return the field that makes a message unreadable, if it is known, and what is wrong with it."""
    if (problem := _tool_call_problem(message.get("tool_calls"))) is not None:
        return f".tool_calls{problem}"
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        return f".{first['loc'][0]}: {first['msg']}"
    if isinstance(error, KeyError):
        return f": {error} is missing"
    return f": {str(error).splitlines()[0]}"


def _tool_call_problem(calls: Any) -> str | None:
    """Return what is wrong with the tool calls of a message; None if they are valid."""
    if calls is not None and not isinstance(calls, list):
        return ": must be a list"
    for index, call in enumerate(calls or ()):
        match call:
            case {"function": {"name": str(), "arguments": arguments}}:
                if not _is_json_object(arguments):
                    return f".{index}.function.arguments: must be a JSON object"
            case _:
                return f".{index}: must be a function with `name` and `arguments`"
    return None


def _is_json_object(arguments: Any) -> bool:
    try:
        return isinstance(json.loads(arguments) if isinstance(arguments, str) else arguments, dict)
    except ValueError:
        return False


Messages = Annotated[
    list[Message], Field(min_length=1), AfterValidator(check_storable), AfterValidator(_check_convertible)
]
"""A conversation in OpenAI's format."""
