"""Hints: what a person tells the models while a search runs, at the end of the question.

The question itself stays as it was asked; a hint stands in the log of what the person said, and is put beside it where
a model reads it.
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
    told = "".join(_LEAD + _paragraph(hint) for hint in hints)
    asking = [place for place, message in enumerate(question) if message["role"] == "user"]
    if not asking:
        return [*question, {"role": "user", "content": told.lstrip()}]
    place = asking[-1]
    message = question[place] | {"content": _followed_by(told, question[place]["content"])}
    return [*question[:place], message, *question[place + 1 :]]


def without_hints(text: str) -> str:
    """Return a user message without the hints at its end: for a model that is to see the question alone."""
    while (parts := text.rpartition(_LEAD))[1] and "\n\n" not in parts[2]:
        text = parts[0]
    return text


def _paragraph(hint: str) -> str:
    """Return a hint without empty lines, so that where it ends can be told from what stands behind it."""
    return re.sub(r"\n\s*\n", "\n", hint)


def _followed_by(told: str, content: Any) -> Any:
    return content + told if isinstance(content, str) else [*content, {"type": "text", "text": told}]
