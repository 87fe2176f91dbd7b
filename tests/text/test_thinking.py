"""The end of thinking: docs/reference/algorithms.md 4.1 and 4.2 (delimiters and forced ends)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from its_graph.errors import ConfigurationError
from its_graph.text.answers import extract_answer, has_final_answer
from its_graph.text.thinking import S1, STYLES, THINK, TURN, ThinkingSplit, split_thinking, think_style, thinking_share


@pytest.mark.parametrize(
    ("text", "thinking", "answer"),
    [
        ("a", "", "a"),
        ("", "", ""),
        ("<think>a</think>b", "a", "b"),
        ("<thinking>a</thinking>b", "a", "b"),
        ("a</think>b", "a", "b"),
        ("<think>a", "a", None),
        ("b<think>a", "a", None),
        ("a</think>b</think>c", "a", "b</think>c"),
        ("<think>a</think>b</think>c", "a", "b</think>c"),
        ("<think>a</think>b<think>c</think>d", "ac", "bd"),
        ("<think>a</think>b<think>c", "ac", None),
        ("<think>a<think>b</think>c", "a<think>b", "c"),
        ("<|im_start|>think\na<|im_start|>answer\nb", "\na", "\nb"),
        ("a<|im_start|>answer\nb", "a", "\nb"),
        ("<|im_start|>think\na", "\na", None),
        ("a <|im_start|>thinkable", "", "a <|im_start|>thinkable"),
    ],
)
def test_a_text_is_split_where_its_thinking_ends(text: str, thinking: str, answer: str | None) -> None:
    """Reference 4.1: two closing tags split at the first, the rest is the answer."""
    assert split_thinking(text) == ThinkingSplit(thinking, answer)


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        (r"<think>so \boxed{3}", None),
        (r"<think>so \boxed{3}</think>", None),
        (r"\boxed{3}</think>\boxed{4}</think>\boxed{5}", "5"),
        (r"\boxed{3}</think>\boxed{4}</think>", "4"),
        (r"<think>\boxed{3}</think>The answer is 4.", "4"),
        (r"\boxed{3}<|im_start|>answer" + "\nFinal Answer: 4", "4"),
        (r"so \boxed{3}", "3"),
    ],
)
def test_answers_are_extracted_after_the_thinking(text: str, answer: str | None) -> None:
    """Reference 4.1: text whose thinking never ends has no answer; without tags nothing changes."""
    assert extract_answer(text) == answer
    assert not has_final_answer(text) or answer is not None


TAGS = ["<think>", "</think>", "<|im_start|>think", "<|im_start|>answer"]


@given(st.lists(st.sampled_from(["x", "\n", *TAGS]), max_size=8).map("".join))
def test_a_split_loses_only_tags(text: str) -> None:
    thinking, answer = split_thinking(text)
    if answer is not None:
        assert (thinking + answer).count("x") == text.count("x")
    if not any(tag in text for tag in TAGS):
        assert (thinking, answer) == ("", text)


def test_cut_thinking_ends_on_its_own_line() -> None:
    r"""Reference 4.2: a newline if missing, the delimiter, and how the answer begins."""
    assert S1.cut("a") == "a\n<|im_start|>answer\nFinal Answer:"
    assert S1.cut("a\n") == "a\n<|im_start|>answer\nFinal Answer:"
    assert THINK.cut("a") == "a\n</think>\n\nFinal Answer:"
    assert THINK._replace(final="").cut("a") == "a\n</think>\n\n"
    assert TURN.cut("a") == "a\n\nFinal Answer:"


def test_thinking_that_ended_by_itself_gets_no_final_answer() -> None:
    assert THINK.closed("a") == "a</think>\n\n"
    assert S1.closed("a\n") == "a\n<|im_start|>answer\n"


@pytest.mark.parametrize("style", STYLES.values(), ids=STYLES)
def test_closed_thinking_is_recognized_by_its_text(style: object) -> None:
    known = think_style(style)  # type: ignore[arg-type]
    assert known.is_closed(known.cut("a"))
    assert known.is_closed(known.closed("a")) == bool(known.stop)
    assert not known.is_closed("a\n")
    assert not known.is_closed("a" + known.joint + known.wait)


def test_a_style_is_known_by_its_name() -> None:
    assert [think_style(name) for name in ("think", "s1", "turn")] == [THINK, S1, TURN]
    assert think_style(THINK._replace(wait="Hmm")).wait == "Hmm"


@pytest.mark.parametrize("style", ["r1", THINK._replace(close=""), TURN._replace(final="")])
def test_a_style_that_cannot_end_thinking_is_refused(style: object) -> None:
    with pytest.raises(ConfigurationError, match=r"think, s1, turn|cannot end thinking"):
        think_style(style)  # type: ignore[arg-type]


def test_the_share_of_thinking_is_counted_in_characters() -> None:
    assert thinking_share("aaa</think>b") == pytest.approx(3 / 12)
    assert thinking_share("<think>aaa") == pytest.approx(3 / 10)
    assert thinking_share("abc") == thinking_share("") == 0
