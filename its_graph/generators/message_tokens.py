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

_FILES = ("image", "image_url", "input_image", "audio", "input_audio", "video", "file", "input_file", "document")
_NOT_BESIDE = frozenset({"text", *_FILES})
"""Blocks that are part of a message's text, and those whose tokens do not follow from their bytes."""


def most_tokens(message: BaseMessage) -> int:
    """Return an upper bound of a message's tokens."""
    return MARGIN + sum(len(part.encode()) for part in _parts(message))


def _parts(message: BaseMessage) -> Iterator[str]:
    yield message.text
    yield message.name or ""
    for block in message.content if isinstance(message.content, list) else ():
        if isinstance(block, dict) and block.get("type") not in _NOT_BESIDE:
            yield _written(block)
    if isinstance(message, ToolMessage):
        yield message.tool_call_id
    if isinstance(message, AIMessage):
        yield from map(_written, [*message.tool_calls, *message.invalid_tool_calls])
    if message.additional_kwargs:
        yield _written(message.additional_kwargs)


def _written(data: Any) -> str:
    """Return `data` as JSON; characters that are not ASCII in the longer of their two spellings."""
    return json.dumps(data, default=str)
