r"""Thinking before the answer: how models mark it, and how to split a text into thinking and answer.

DeepSeek-R1, QwQ and Qwen3 write `<think>...</think>` and then the answer; the opening tag is often part of the chat
template, so that the text begins inside. s1 (arXiv 2501.19393) writes `<|im_start|>think` and `<|im_start|>answer`. A
server that parses reasoning removes the thinking from the text: configure it to return raw text.
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
    """How a model ends its thinking, and the text that makes it think longer or stop thinking."""

    stop: str
    """What the model writes at the end of its thinking; empty if it just ends its turn."""
    close: str
    """The text between thinking and answer, separator included."""
    open: str = ""
    """The text before the thinking, if the model writes any."""
    begin: str = ""
    """Prefix that starts the thinking if neither the model nor its chat template writes `open`."""
    final: str = "Final Answer:"
    """How the answer begins after thinking that was cut off."""
    joint: str = ""
    """The text between thinking that had ended and `wait`."""
    wait: str = "Wait"
    """What replaces an ignored end of thinking."""

    def closed(self, thinking: str) -> str:
        """Return thinking that ended by itself, ready for its answer."""
        return thinking + self.close

    def cut(self, thinking: str) -> str:
        """Return thinking that was cut off, ready for its answer: the forced end on its own line."""
        return thinking + "\n" * (not thinking.endswith("\n")) + self.close + self.final

    def is_closed(self, text: str) -> bool:
        """Return whether `text` ends the way `closed` or `cut` leaves it."""
        return text.endswith(self.close + self.final) or (bool(self.stop) and text.endswith(self.close))


THINK = ThinkStyle("</think>", "</think>\n\n", open="<think>\n")
"""DeepSeek-R1, QwQ, Qwen3."""

S1 = ThinkStyle("<|im_start|>", "<|im_start|>answer\n", open="<|im_start|>think\n", begin="<|im_start|>think\n")
"""s1. Its server must not hide special tokens (`skip_special_tokens`), or the delimiter never arrives."""

TURN = ThinkStyle("", "\n", joint="\n\n")
"""A model without delimiters: its whole solution is thinking, which ends with its turn."""

STYLES = {"think": THINK, "s1": S1, "turn": TURN}
"""The styles by name."""


class ThinkingSplit(NamedTuple):
    """A text's thinking and what follows it."""

    thinking: str
    """Empty in a text without thinking."""
    answer: str | None
    """None while the thinking has not ended."""


def think_style(style: ThinkStyle | str) -> ThinkStyle:
    """Return a style, given itself or its name.

    Raises:
        ConfigurationError: for an unknown name, or a style that cannot end thinking.
    """
    if isinstance(style, str) and style not in STYLES:
        raise ConfigurationError(f"think_style must be a ThinkStyle or one of {', '.join(STYLES)}; got {style!r}.")
    resolved = STYLES[style] if isinstance(style, str) else style
    if not (resolved.close if resolved.stop else resolved.final):
        raise ConfigurationError(f"{resolved} cannot end thinking. Set `close`, or `final` if `stop` is empty.")
    return resolved


def split_thinking(text: str) -> ThinkingSplit:
    """Split `text` at the end of its thinking.

    The first closing tag ends thinking that the prompt may have opened. A later one that closes nothing belongs to the
    answer; a block opened in the answer is thinking again. A text without tags is all answer.
    """
    thinking: list[str] = []
    answer: list[str] = []
    start, inside, any_tag = 0, False, False
    for tag in _TAG.finditer(text):
        before = text[start : tag.start()]
        if tag["open"] and not inside:
            answer.append(before)
            inside = True
        elif not tag["open"] and (inside or not any_tag):
            thinking.append(before)
            inside = False
        else:
            continue
        start, any_tag = tag.end(), True
    if inside:
        return ThinkingSplit("".join([*thinking, text[start:]]), None)
    return ThinkingSplit("".join(thinking), "".join([*answer, text[start:]]))


def thinking_share(text: str) -> float:
    """Return the share of the characters of `text` that is thinking, in [0, 1].

    Multiplied by the number of tokens, it estimates the length of thinking that was sampled together with its answer.
    """
    return len(split_thinking(text).thinking) / len(text) if text else 0.0
