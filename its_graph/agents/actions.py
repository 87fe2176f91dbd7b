"""What an agent's model wants to do next, and when two replies want the same."""

import json
from collections.abc import Sequence
from typing import NamedTuple

from langchain_core.messages import AIMessage, BaseMessage, convert_to_openai_messages

from its_graph.contracts import Message
from its_graph.text.answers import extract_answer
from its_graph.text.equivalence import group

__all__ = ["Action", "ActionSet", "action_of", "action_set_of", "as_text", "classes"]


class Action(NamedTuple):
    """A reply, as a vote sees it."""

    tools: tuple[str, ...]
    """Names of the tools that it calls, sorted; none where it answers in text."""
    content: str
    """The calls with their arguments, in one spelling; or the text."""


class ActionSet(NamedTuple):
    """What there is to choose from."""

    conversation: tuple[Message, ...]
    """What was said before, in OpenAI's form."""
    texts: tuple[str, ...]
    """Each option as a verifier or a judge reads it."""
    moves: tuple[Action, ...]


def action_of(message: AIMessage) -> Action:
    """Return what `message` does. The order of its calls, their ids and the order of arguments do not matter."""
    if not message.tool_calls:
        return Action((), message.text)
    calls = sorted((call["name"], json.dumps(call["args"], sort_keys=True, default=str)) for call in message.tool_calls)
    return Action(tuple(name for name, _ in calls), "\n".join(f"{name}({args})" for name, args in calls))


def as_text(message: AIMessage) -> str:
    """Return text and calls of a reply, as a verifier reads them."""
    move = action_of(message)
    return "\n".join(part for part in (message.text, move.content if move.tools else "") if part)


def action_set_of(conversation: Sequence[BaseMessage], replies: Sequence[AIMessage]) -> ActionSet:
    """Return the options that `replies` to `conversation` are."""
    said = convert_to_openai_messages(list(conversation))
    return ActionSet(tuple(said), tuple(map(as_text, replies)), tuple(map(action_of, replies)))


def classes(moves: Sequence[Action]) -> list[tuple[tuple[str, ...], str]]:
    """Return a label for each move, equal where two are the same: by tools first, then by arguments or answer.

    Texts are the same where their answers are equivalent (`its_graph.text.equivalence`); a text without an answer in a box
    or behind "the answer is" is its own answer.
    """
    answers = [None if move.tools else extract_answer(move.content) or move.content.strip() for move in moves]
    labels = group(answers)
    return [
        (move.tools, move.content if move.tools else f"answer {label}")
        for move, label in zip(moves, labels, strict=True)
    ]
