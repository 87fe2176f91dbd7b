"""The rules of budget forcing (docs/reference/algorithms.md 4.2), each on a tree made for it."""

from typing import Any, cast

import pytest

from its_graph.nodes.think import next_conclude_or_stop, open_paths, stop_while_thinking, thinking_tokens
from its_graph.search.state import SearchState
from its_graph.search.tree import Tree
from its_graph.text.thinking import S1, THINK, TURN, ThinkStyle

CUT = "c\n</think>\n\nFinal Answer:"


def step(text: str, parent: str | None = None, finish: str = "stop_string", tokens: int = 1) -> dict[str, Any]:
    return {"parent": parent, "text": text, "tokens": tokens, "finish": finish, "confidence": None}


def state(*steps: dict[str, Any], **more: Any) -> SearchState:
    log = {str(place): record for place, record in enumerate(steps)}
    return cast(SearchState, {"steps": log, "frontier": list(log), "stop_reason": None} | more)


def test_a_path_stays_open_until_it_is_continued_or_complete() -> None:
    """0 continues as 3, 1 could not be extended, 2 waits for its answer, 4 is complete."""
    steps = step("a"), step("b"), step(CUT), step("Waita", "0"), step("Waitb", "1", "end")
    assert open_paths(Tree.of(state(*steps, frontier=["0", "1", "2"], new_steps=["3"]))) == ["1", "2", "3"]
    assert open_paths(Tree.of(state(*steps, frontier=["0", "1", "2"], new_steps=["3", "4"]))) == ["2", "3"]
    assert open_paths(Tree.of(state(*steps[:3], frontier=[], new_steps=["0", "1", "2"]))) == ["0", "1", "2"]


@pytest.mark.parametrize(
    ("style", "text", "leaves"),
    [
        (THINK, "a", "more"),
        (THINK, CUT, "unfinished"),
        (THINK, "a</think>\n\n", "unfinished"),
        (S1, "a\n<|im_start|>answer\n", "unfinished"),
        (TURN, "a", "more"),
        (TURN, "a\n", "more"),
        (TURN, "a\n\nFinal Answer:", "unfinished"),
    ],
)
def test_the_text_decides_which_way_a_path_goes(style: ThinkStyle, text: str, leaves: str) -> None:
    assert next_conclude_or_stop(style)(state(step(text))) == leaves


def test_while_one_path_thinks_the_others_wait() -> None:
    assert next_conclude_or_stop(THINK)(state(step(CUT), step("a"))) == "more"


def test_a_stopped_search_concludes_what_it_has() -> None:
    """An end that was to be ignored is an end after all; without delimiters the text is a solution already."""
    assert next_conclude_or_stop(THINK)(state(step("a"), stop_reason="budget")) == "unfinished"
    assert next_conclude_or_stop(TURN)(state(step("a"), stop_reason="budget")) == "enough"
    assert next_conclude_or_stop(THINK)(state(stop_reason="budget")) == "enough"


def test_a_path_that_could_not_be_extended_is_not_tried_again() -> None:
    failures = {"1": {"parent": "0", "reason": "?"}}
    assert next_conclude_or_stop(THINK)(state(step("a"), failures=failures)) == "unfinished"
    assert next_conclude_or_stop(THINK)(state(step("a"), step("b"), failures={"2": failures["1"]})) == "more"


def test_a_stop_rule_applies_only_while_there_is_something_to_stop() -> None:
    rule = stop_while_thinking(THINK, lambda tree: "enough of it")
    assert rule(Tree.of(state(step("a")))) == "enough of it"
    assert rule(Tree.of(state(step(CUT)))) is None
    assert rule(Tree.of(state())) is None


@pytest.mark.parametrize(
    ("style", "texts", "tokens"),
    [
        (THINK, ["a", "Waitb</think>\n\n", "4"], 1 + 2),
        (THINK, ["a", "Wait" + CUT, "4"], 1 + 2),
        (THINK, ["a", "Waitb", "</think>\n\n4"], 1 + 2),
        (THINK, ["a", "Waitb", "Waitc"], 1 + 2 + 4),
        (S1, ["a\n<|im_start|>answer\n", "4"], 1),
        (TURN, ["a", "\n\nWaitb"], 1 + 2),
        (TURN, ["a", "\n\nWaitb\n\nFinal Answer:", "4"], 1 + 2),
    ],
)
def test_the_tokens_of_a_thinking_are_those_before_its_answer(style: ThinkStyle, texts: list[str], tokens: int) -> None:
    steps = [step(text, str(place - 1) if place else None, tokens=2**place) for place, text in enumerate(texts)]
    assert thinking_tokens(Tree.of(state(*steps)), str(len(texts) - 1), style) == tokens
