"""How long a message can be at most, without a tokenizer: a token is at least one byte of what is sent.

Sent are the text, names and ids, tool calls with their arguments, and blocks of text of any other kind (reasoning,
calls that failed to parse). The bytes that JSON adds to a call cover what a chat template writes around it. Images and
files are not counted.
"""

import json
from collections.abc import Iterator
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage, ToolMessage

__all__ = ["MARGIN", "most_tokens"]

MARGIN = 16
"""Tokens that a chat template may add to a message, at most."""

_FILES = ("image", "audio", "video", "file", "document", "media")
"""What stands in the name of whatever holds a file: its tokens do not follow from its bytes."""


def most_tokens(message: BaseMessage) -> int:
    """Return an upper bound of a message's tokens."""
    return MARGIN + sum(len(part.encode()) for part in _parts(message))


def _parts(message: BaseMessage) -> Iterator[str]:
    yield message.text
    yield message.name or ""
    for block in message.content if isinstance(message.content, list) else ():
        if isinstance(block, dict) and (kind := str(block.get("type"))) != "text" and not _is_file(kind):
            yield _written(block)
    if isinstance(message, ToolMessage):
        yield message.tool_call_id
    if isinstance(message, AIMessage):
        yield from map(_written, [*message.tool_calls, *message.invalid_tool_calls])
    yield from (_written(value) for name, value in message.additional_kwargs.items() if not _is_file(name))


def _is_file(name: str) -> bool:
    return any(part in name for part in _FILES)


def _written(data: Any) -> str:
    """Return `data` as JSON; characters that are not ASCII in the longer of their two spellings."""
    return json.dumps(data, default=str)
