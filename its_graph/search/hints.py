"""Hints: text that a person adds to the end of the question while a search runs.

The question itself stays as asked. Hints are in the log of human edits and are added wherever a model reads the
question.
"""

import re
from collections.abc import Sequence
from typing import Any

from its_graph.contracts import Message

__all__ = ["with_hints", "without_hints"]

_LEAD = "\n\nHint: "


def with_hints(question: list[Message], hints: Sequence[str]) -> list[Message]:
    """Return the conversation with `hints` at the end of its last user message, the oldest first.

    A conversation without a user message gets one.
    """
    if not hints:
        return question
    text = "".join(_LEAD + _paragraph(hint) for hint in hints)
    user_messages = [index for index, message in enumerate(question) if message["role"] == "user"]
    if not user_messages:
        return [*question, {"role": "user", "content": text.lstrip()}]
    last = user_messages[-1]
    message = question[last] | {"content": _append(question[last]["content"], text)}
    return [*question[:last], message, *question[last + 1 :]]


def without_hints(text: str) -> str:
    """Return a user message without the hints at its end, for a model that must see the question alone."""
    while (parts := text.rpartition(_LEAD))[1] and "\n\n" not in parts[2]:
        text = parts[0]
    return text


def _paragraph(hint: str) -> str:
    """Return a hint without empty lines, so that it is clear where it ends."""
    return re.sub(r"\n\s*\n", "\n", hint)


def _append(content: Any, text: str) -> Any:
    return content + text if isinstance(content, str) else [*content, {"type": "text", "text": text}]
