"""Prompts that ask a generator to write a new text from earlier ones. Pure functions of the question and the texts.

All of these prompts are one conversation with alternating turns of user and model:

    user       the question, unchanged
    assistant  an earlier text
    user       "Another attempt."        } for each further text
    assistant  the next earlier text     }
    user       an instruction, a blank line, and the question again

The last message ends with the question itself, so a model that cannot revise answers it from scratch rather than
derailing; no instruction contains a number. Thinking inside the earlier texts is not shown. A model trained to revise
needs the format of its training: `bare`, or any other `RewritePrompt`.
"""

from collections.abc import Sequence
from typing import Any

from its_graph.contracts import Message
from its_graph.text.thinking import split_thinking

__all__ = [
    "INSTRUCTIONS",
    "NEXT",
    "aggregate",
    "bare",
    "conversation",
    "critique",
    "from_workspace",
    "refine",
    "revise",
    "summarize",
    "visible_text",
    "without_instruction",
]


NEXT = "Another attempt."
"""The user turn between two texts."""

_REVISE = (
    "Above are attempts at the question below, the latest one last; any of them may be right or wrong. Check them, "
    "then write a complete new solution: keep what is right and correct what is wrong."
)
_AGGREGATE = (
    "Above are independent attempts at the question below; any of them may be right or wrong. Compare them, then write "
    "one complete new solution: take over what is right, leave out what is wrong, and if all of them fail, try another "
    "way."
)
_SUMMARIZE = (
    "Above are independent attempts at the question below. Do not solve it. Write short notes for whoever solves it "
    "next: on which results the attempts agree, where they contradict each other and who seems to be right, which "
    "mistakes to avoid, and what is still open."
)
_FROM_WORKSPACE = (
    "Above are notes on earlier attempts at the question below. Check what they say, then write a complete solution."
)
_CRITIQUE = (
    "Above is an attempt at the question below. Check it step by step and name every mistake; do not write a solution "
    "of your own. End with the line `Verdict: correct` or with the line `Verdict: wrong`."
)
_REFINE = (
    "Above are an attempt at the question below and a review of it. Write a complete new solution: keep what is right "
    "and mend every mistake that the review rightly names."
)

INSTRUCTIONS = (_REVISE, _AGGREGATE, _SUMMARIZE, _FROM_WORKSPACE, _CRITIQUE, _REFINE)
"""The instructions that these prompts put before the question."""


def revise(question: Sequence[Message], texts: Sequence[str]) -> list[Message]:
    """Ask for a better attempt, given the latest ones of a chain, oldest first (Snell et al. 2408.03314, section 6)."""
    return conversation(question, texts, _REVISE)


def bare(question: Sequence[Message], texts: Sequence[str]) -> list[Message]:
    """Ask the same question before each text and after the last, without any instruction, and show the texts whole.

    The simplest format for a model trained to revise: question, attempt, question, attempt, ..., question.
    """
    ask_again: Message = {"role": "user", "content": _last_user_content(question)}
    return [*question, *(turn for text in texts for turn in ({"role": "assistant", "content": text}, ask_again))]


def aggregate(question: Sequence[Message], texts: Sequence[str]) -> list[Message]:
    """Ask for one solution made from several (RSA, 2509.26626); a single one is revised."""
    return conversation(question, texts, _AGGREGATE if len(texts) > 1 else _REVISE)


def summarize(question: Sequence[Message], texts: Sequence[str]) -> list[Message]:
    """Ask for notes on the drafts: the workspace of PDR (2510.01123)."""
    return conversation(question, texts, _SUMMARIZE)


def from_workspace(question: Sequence[Message], texts: Sequence[str]) -> list[Message]:
    """Ask for a solution, given only the workspace (PDR, 2510.01123)."""
    return conversation(question, texts, _FROM_WORKSPACE)


def critique(question: Sequence[Message], texts: Sequence[str]) -> list[Message]:
    """Ask for a review of an attempt that ends in a verdict (Self-Refine, 2303.17651)."""
    return conversation(question, texts, _CRITIQUE)


def refine(question: Sequence[Message], texts: Sequence[str]) -> list[Message]:
    """Ask for a better attempt, given an attempt and its review; without a review, ask for a revision."""
    return conversation(question, texts, _REFINE if len(texts) > 1 else _REVISE, "Review it.")


def conversation(
    question: Sequence[Message], texts: Sequence[str], instruction: str, between: str = NEXT
) -> list[Message]:
    """Return the conversation that the module describes; without texts, the question unchanged.

    Args:
        question: the conversation to answer; its last user message is repeated at the end.
        texts: earlier texts, in reading order.
        instruction: what to do with the texts.
        between: the user turn between two texts.
    """
    turns = list(question)
    for text in texts:
        turns += [{"role": "assistant", "content": visible_text(text)}, {"role": "user", "content": between}]
    if texts:
        turns[-1] = {"role": "user", "content": _prepend(instruction, _last_user_content(question))}
    return turns


def visible_text(text: str) -> str:
    """Return the part of a text that is shown to others: without its thinking, unless the thinking never ended."""
    answer = split_thinking(text).answer
    return answer.strip() if answer and answer.strip() else text.strip()


def without_instruction(text: str) -> str:
    """Return a message of these prompts without its instruction, for a model that must see the question alone."""
    for instruction in INSTRUCTIONS:
        text = text.removeprefix(instruction)
    return text.strip()


def _last_user_content(question: Sequence[Message]) -> Any:
    """Return the content of the last user message: text, or parts of text and images."""
    messages = [message for message in question if message["role"] == "user"] or question
    return messages[-1]["content"]


def _prepend(instruction: str, content: Any) -> Any:
    """Put an instruction before a message's content."""
    if isinstance(content, str):
        return f"{instruction}\n\n{content}"
    return [{"type": "text", "text": instruction}, *content]
