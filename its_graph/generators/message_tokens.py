"""An upper bound of a message's tokens, without a tokenizer: each token is at least one byte of what is sent.

Counted are the text, names and ids, tool calls with their arguments, and content blocks of any other kind (reasoning,
calls that failed to parse). The bytes that JSON adds to a call cover what a chat template writes around it. Images and
files are not counted.
"""

import json
from collections.abc import Iterator
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage, ToolMessage

__all__ = ["TEMPLATE_TOKENS", "max_message_tokens"]

TEMPLATE_TOKENS = 16
"""Maximum number of tokens that a chat template adds to a message."""

_FILE_KINDS = ("image", "audio", "video", "file", "document", "media")
"""Parts of the names of fields that hold a file, whose tokens do not follow from its bytes."""


def max_message_tokens(message: BaseMessage) -> int:
    """Return an upper bound of the tokens of `message`."""
    return TEMPLATE_TOKENS + sum(len(part.encode()) for part in _parts(message))


def _parts(message: BaseMessage) -> Iterator[str]:
    yield message.text
    yield message.name or ""
    for block in message.content if isinstance(message.content, list) else ():
        if isinstance(block, dict) and (kind := str(block.get("type"))) != "text" and not _is_file(kind):
            yield _to_json(block)
    if isinstance(message, ToolMessage):
        yield message.tool_call_id
    if isinstance(message, AIMessage):
        yield from map(_to_json, [*message.tool_calls, *message.invalid_tool_calls])
    yield from (_to_json(value) for name, value in message.additional_kwargs.items() if not _is_file(name))


def _is_file(name: str) -> bool:
    return any(kind in name for kind in _FILE_KINDS)


def _to_json(data: Any) -> str:
    """Return `data` as JSON with non-ASCII characters escaped, the longer of their two encodings."""
    return json.dumps(data, default=str)
