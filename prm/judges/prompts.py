"""Prompts of judging models: the conversation stays a conversation, tool calls included; the task comes after it."""

from collections.abc import Sequence

from its_graph.contracts import Candidate, Message

__all__ = ["last_user_text", "solution_text", "with_solution", "with_task"]


def with_task(messages: Sequence[Message], task: str) -> tuple[Message, ...]:
    """Return the conversation with `task` as the user's last word.

    Many chat templates refuse two user messages in a row, so a conversation that ends with one gets the task there.
    """
    *before, last = messages
    if last.get("role") != "user":
        return (*before, last, {"role": "user", "content": task})
    content = last.get("content")
    if isinstance(content, list):
        return (*before, {**last, "content": [*content, {"type": "text", "text": task}]})
    return (*before, {**last, "content": f"{content}\n\n{task}"})


def with_solution(candidate: Candidate, task: str) -> tuple[Message, ...]:
    """Return the conversation, the solution as its assistant's reply, and `task` as the user's answer to that."""
    return with_task([*candidate.messages, {"role": "assistant", "content": solution_text(candidate)}], task)


def solution_text(candidate: Candidate) -> str:
    """Return the text of the whole solution."""
    return "".join(candidate.steps)


def last_user_text(messages: Sequence[Message]) -> str:
    """Return what the user asked last, without images and other parts that are no text."""
    asked = [message["content"] for message in messages if message.get("role") == "user"]
    last = asked[-1] if asked else messages[-1].get("content")
    if isinstance(last, list):
        return "\n".join(part["text"] for part in last if part.get("type") == "text")
    return str(last)
