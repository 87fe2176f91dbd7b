"""What an agent's model wants to do next, and when two replies want the same action."""

import json
from collections.abc import Sequence
from typing import NamedTuple

from langchain_core.messages import AIMessage, BaseMessage, convert_to_openai_messages

from its_graph.contracts import Message
from its_graph.text.answers import extract_answer
from its_graph.text.equivalence import group

__all__ = ["Action", "ActionSet", "action_classes", "action_of", "action_set_of", "message_text"]


class Action(NamedTuple):
    """A reply as a vote sees it."""

    tools: tuple[str, ...]
    """Names of the tools it calls, sorted; empty if it answers in text."""
    content: str
    """The calls with their arguments in canonical form, or the text."""


class ActionSet(NamedTuple):
    """The options to select from."""

    conversation: tuple[Message, ...]
    """The messages before the reply, in OpenAI's format."""
    texts: tuple[str, ...]
    """Each option as a verifier or a judge reads it."""
    actions: tuple[Action, ...]


def action_of(message: AIMessage) -> Action:
    """Return the action of `message`. The order of its calls, their ids and the order of arguments do not matter."""
    if not message.tool_calls:
        return Action((), message.text)
    calls = sorted((call["name"], json.dumps(call["args"], sort_keys=True, default=str)) for call in message.tool_calls)
    return Action(tuple(name for name, _ in calls), "\n".join(f"{name}({args})" for name, args in calls))


def message_text(message: AIMessage) -> str:
    """Return text and tool calls of a reply, as a verifier reads them."""
    action = action_of(message)
    return "\n".join(part for part in (message.text, action.content if action.tools else "") if part)


def action_set_of(conversation: Sequence[BaseMessage], replies: Sequence[AIMessage]) -> ActionSet:
    """Return `replies` to `conversation` as the options to select from."""
    messages = convert_to_openai_messages(list(conversation))
    return ActionSet(tuple(messages), tuple(map(message_text, replies)), tuple(map(action_of, replies)))


def action_classes(actions: Sequence[Action]) -> list[tuple[tuple[str, ...], str]]:
    """Return a label for each action; equal labels mean equal actions: same tools, and same arguments or answer.

    Texts are equal if their answers are equivalent (`its_graph.text.equivalence`). A text without a boxed answer or
    "the answer is" is compared as a whole.
    """
    answers = [None if action.tools else extract_answer(action.content) or action.content.strip() for action in actions]
    labels = group(answers)
    return [
        (action.tools, action.content if action.tools else f"answer {label}")
        for action, label in zip(actions, labels, strict=True)
    ]
