"""Prompts of judges: the conversation stays a conversation, tool calls included, and the task follows it."""

from collections.abc import Sequence

from its_graph.contracts import Candidate, Message

__all__ = ["last_user_text", "solution_text", "with_solution", "with_task"]


def with_task(messages: Sequence[Message], task: str) -> tuple[Message, ...]:
    """Return the conversation with `task` at the end of the last user message.

    Many chat templates reject two consecutive user messages, so the task is appended to a final user message.
    """
    *before, last = messages
    if last.get("role") != "user":
        return (*before, last, {"role": "user", "content": task})
    content = last.get("content")
    if isinstance(content, list):
        return (*before, {**last, "content": [*content, {"type": "text", "text": task}]})
    return (*before, {**last, "content": f"{content}\n\n{task}"})


def with_solution(candidate: Candidate, task: str) -> tuple[Message, ...]:
    """Return the conversation, the solution as the assistant's reply, and `task` as the next user message."""
    return with_task([*candidate.messages, {"role": "assistant", "content": solution_text(candidate)}], task)


def solution_text(candidate: Candidate) -> str:
    """Return the text of the whole solution."""
    return "".join(candidate.steps)


def last_user_text(messages: Sequence[Message]) -> str:
    """Return the text of the last user message, without images and other non-text parts."""
    contents = [message["content"] for message in messages if message.get("role") == "user"]
    last = contents[-1] if contents else messages[-1].get("content")
    if isinstance(last, list):
        return "\n".join(part["text"] for part in last if part.get("type") == "text")
    return str(last)
