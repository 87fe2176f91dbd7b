r"""Thinking before the answer: how models mark it, and how a text is split into the two.

DeepSeek-R1, QwQ and Qwen3 write `<think>...</think>` and then the answer; a chat template often writes the opening tag
itself, so that the text begins inside. s1 (2501.19393) writes `<|im_start|>think` and `<|im_start|>answer`. A server
that parses reasoning takes the thinking out of the text: ask it for the raw text, or there is nothing to split.
"""

import re
from typing import NamedTuple

from its_graph.errors import ConfigurationError

__all__ = [
    "S1",
    "STYLES",
    "THINK",
    "TURN",
    "ThinkStyle",
    "ThinkingSplit",
    "split_thinking",
    "think_style",
    "thinking_share",
]

_TAG = re.compile(r"(?P<open><think(?:ing)?>|<\|im_start\|>think\b)|</think(?:ing)?>|<\|im_start\|>answer\b")


class ThinkStyle(NamedTuple):
    """How a model ends its thinking, and what is put into its mouth to prolong or to end it."""

    stop: str
    """What the model writes where its thinking ends; empty if it just ends its turn."""
    close: str
    """What stands between thinking and answer, separator included."""
    open: str = ""
    """What stands before the thinking, where it is written at all."""
    begin: str = ""
    """What is put into the model's mouth before its thinking, where neither it nor its chat template writes `open`."""
    final: str = "Final Answer:"
    """How the answer begins behind a thinking that was cut off."""
    joint: str = ""
    """What stands between a thinking that had ended and `wait`."""
    wait: str = "Wait"
    """What the model reads in place of an end that is ignored."""

    def closed(self, thinking: str) -> str:
        """Return a thinking that ended by itself, ready for its answer."""
        return thinking + self.close

    def cut(self, thinking: str) -> str:
        """Return a thinking that was cut off, ready for its answer: the forced end, on a line of its own."""
        return thinking + "\n" * (not thinking.endswith("\n")) + self.close + self.final

    def is_closed(self, text: str) -> bool:
        """Tell whether `text` ends as `closed` or `cut` left it."""
        return text.endswith(self.close + self.final) or (bool(self.stop) and text.endswith(self.close))


THINK = ThinkStyle("</think>", "</think>\n\n", open="<think>\n")
"""DeepSeek-R1, QwQ, Qwen3."""

S1 = ThinkStyle("<|im_start|>", "<|im_start|>answer\n", open="<|im_start|>think\n", begin="<|im_start|>think\n")
"""s1. Its server must not hide special tokens (`skip_special_tokens`), or the delimiter is never seen."""

TURN = ThinkStyle("", "\n", joint="\n\n")
"""A model without delimiters: its whole solution is the thinking, and the end of its turn is the end of it."""

STYLES = {"think": THINK, "s1": S1, "turn": TURN}
"""The styles by name."""


class ThinkingSplit(NamedTuple):
    """A text's thinking and what follows it."""

    thinking: str
    """Empty where there is none."""
    answer: str | None
    """None while the thinking has not ended."""


def think_style(style: ThinkStyle | str) -> ThinkStyle:
    """Return a style, which may be given by its name.

    Raises:
        ConfigurationError: for a name that is not known, or a style by which no thinking could be ended.
    """
    if isinstance(style, str) and style not in STYLES:
        raise ConfigurationError(f"There is no think style {style!r}. Give a ThinkStyle or one of {', '.join(STYLES)}.")
    found = STYLES[style] if isinstance(style, str) else style
    if not (found.close if found.stop else found.final):
        raise ConfigurationError(f"{found} cannot end a thinking: give `close`, or without `stop` give `final`.")
    return found


def split_thinking(text: str) -> ThinkingSplit:
    """Split `text` at the end of its thinking.

    The first closing tag ends a thinking that the prompt may have opened. A later one that closes nothing belongs to
    the answer; a block that is opened in the answer is thinking again. A text without any tag is all answer.
    """
    thought: list[str] = []
    kept: list[str] = []
    start, inside, met = 0, False, False
    for tag in _TAG.finditer(text):
        before = text[start : tag.start()]
        if tag["open"] and not inside:
            kept.append(before)
            inside = True
        elif not tag["open"] and (inside or not met):
            thought.append(before)
            inside = False
        else:
            continue
        start, met = tag.end(), True
    if inside:
        return ThinkingSplit("".join([*thought, text[start:]]), None)
    return ThinkingSplit("".join(thought), "".join([*kept, text[start:]]))


def thinking_share(text: str) -> float:
    """Return which share of the characters of `text` is thinking, in [0, 1].

    Times its tokens, this is about the length of a thinking that was drawn together with its answer.
    """
    return len(split_thinking(text).thinking) / len(text) if text else 0.0
