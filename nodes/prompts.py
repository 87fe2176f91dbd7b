"""How a generator is asked to write a new text from older ones. Pure functions of the question and of the texts.

All of these prompts are one conversation, the user's and the model's turns by turns:

    user       the question, as it was asked
    assistant  an older text
    user       "Another attempt."     } for each further text
    assistant  the next older text    }
    user       an instruction, a blank line, and the question once more

The last message ends with the question itself, so a model that knows nothing of revising answers afresh instead of
going astray; no instruction holds a number. Thinking inside the older texts is not shown. A model that was trained to
revise wants the format of its training: `bare`, or any other function of this kind (`RewritePrompt`).
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
    "visible_text",
    "summarize",
    "without_instruction",
]


NEXT = "Another attempt."
"""What the user says between two texts."""

_REVISE = (
    "Above are attempts at the question below, the latest one last; any of them may be right or wrong. Check them, "
    "then write a complete new solution: keep what is right and correct what is wrong."
)
_AGGREGATE = (
    "Above are independent attempts at the question below; any of them may be right or wrong. Compare them, then write "
    "one complete new solution: take over what is right, leave out what is wrong, and if all of them fail, try another "
    "way."
)
_SUMMARISE = (
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

INSTRUCTIONS = (_REVISE, _AGGREGATE, _SUMMARISE, _FROM_WORKSPACE, _CRITIQUE, _REFINE)
"""The instructions that these prompts put in front of the question."""


def revise(question: Sequence[Message], texts: Sequence[str]) -> list[Message]:
    """Ask for a better attempt, given the latest ones of a chain, oldest first (Snell et al. 2408.03314, section 6)."""
    return conversation(question, texts, _REVISE)


def bare(question: Sequence[Message], texts: Sequence[str]) -> list[Message]:
    """Ask the same question before each text and after the last, without a word about them, and show them whole.

    The plainest form for a model that was trained to revise: question, attempt, question, attempt, ..., question.
    """
    again: Message = {"role": "user", "content": _asked(question)}
    return [*question, *(turn for text in texts for turn in ({"role": "assistant", "content": text}, again))]


def aggregate(question: Sequence[Message], texts: Sequence[str]) -> list[Message]:
    """Ask for one solution made from several (RSA, 2509.26626); a single one is to be revised."""
    return conversation(question, texts, _AGGREGATE if len(texts) > 1 else _REVISE)


def summarize(question: Sequence[Message], texts: Sequence[str]) -> list[Message]:
    """Ask for notes on drafts: the workspace of PDR (2510.01123)."""
    return conversation(question, texts, _SUMMARISE)


def from_workspace(question: Sequence[Message], texts: Sequence[str]) -> list[Message]:
    """Ask for a solution, given the workspace alone (PDR, 2510.01123)."""
    return conversation(question, texts, _FROM_WORKSPACE)


def critique(question: Sequence[Message], texts: Sequence[str]) -> list[Message]:
    """Ask for a review of an attempt that ends in a verdict (Self-Refine, 2303.17651)."""
    return conversation(question, texts, _CRITIQUE)


def refine(question: Sequence[Message], texts: Sequence[str]) -> list[Message]:
    """Ask for a better attempt, given one and its review; without a review, for a revision."""
    return conversation(question, texts, _REFINE if len(texts) > 1 else _REVISE, "Review it.")


def conversation(
    question: Sequence[Message], texts: Sequence[str], instruction: str, between: str = NEXT
) -> list[Message]:
    """Return the conversation that the module describes; without texts, the question as it is.

    Args:
        question: what was asked; its last user message is asked once more.
        texts: older texts, in the order in which they are to be read.
        instruction: what to do with them.
        between: what the user says between two of them.
    """
    turns = list(question)
    for text in texts:
        turns += [{"role": "assistant", "content": visible_text(text)}, {"role": "user", "content": between}]
    if texts:
        turns[-1] = {"role": "user", "content": _under(instruction, _asked(question))}
    return turns


def visible_text(text: str) -> str:
    """Return what of a text others get to read: not its thinking, unless it never came to an end of it."""
    answer = split_thinking(text).answer
    return answer.strip() if answer and answer.strip() else text.strip()


def without_instruction(text: str) -> str:
    """Return a message of these prompts without its instruction: for a model that is to see the question alone."""
    for instruction in INSTRUCTIONS:
        text = text.removeprefix(instruction)
    return text.strip()


def _asked(question: Sequence[Message]) -> Any:
    """Return the content of the last user message: text, or parts of text and images."""
    asked = [message for message in question if message["role"] == "user"] or question
    return asked[-1]["content"]


def _under(instruction: str, content: Any) -> Any:
    """Put an instruction in front of a message's content."""
    if isinstance(content, str):
        return f"{instruction}\n\n{content}"
    return [{"type": "text", "text": instruction}, *content]
