"""Critiques: when one accepts, which attempt it reviews, and which attempt is the answer."""

from typing import Any

import pytest

from its_graph.nodes.revision.critique import (
    attempt_and_critique,
    critique_accepts,
    critique_of,
    last_answer,
    latest_attempt,
    new_attempts,
    refinements_done,
    verdict_is_correct,
)
from its_graph.nodes.rules.types import Choice
from its_graph.search.tree import Tree


@pytest.mark.parametrize(
    ("text", "content"),
    [
        ("All steps hold.\nVerdict: correct", True),
        ("All steps hold.\n**Verdict:** correct.", True),
        ("`verdict: Correct`", True),
        ("Verdict: right", True),
        ("Verdict: wrong", False),
        ("Verdict: incorrect", False),
        ("Step one is correct.", False),
        ("Verdict: correct? No.\nVerdict: wrong", False),
        ("Verdict: wrong at first sight.\nVerdict: correct", True),
        ("Verdict: correctable", False),
        ("No verdict: the text was cut o", False),
        ("", False),
    ],
)
def test_the_last_verdict_of_a_critique_counts(text: str, content: bool) -> None:
    assert verdict_is_correct(text) == content


def tree_of(letters: str, runs: int = 0, finish: str | None = None, **state: Any) -> Tree:
    """Return a tree of attempts (`a`, `n` without an answer) and critiques (`+` accepting, `-` not) of those before."""
    steps: dict[str, Any] = {}
    texts = {"a": r"\boxed{%d}", "n": "hm %d", "+": "%d Verdict: correct", "-": "%d Verdict: wrong"}
    reasons = {"e": "end", "l": "length"}
    for index, letter in enumerate(letters):
        ended = reasons[finish[index]] if finish else "end"
        steps[str(index)] = {"parent": None, "text": texts[letter] % index, "tokens": 1, "finish": ended}
        if letter in "+-":
            steps[str(index)] |= {"auxiliary": "critique", "sources": [str(index - 1)]}
    charges = {str(key): {"node": "refine"} for key in range(runs)} | {"x": {"node": "critique"}}
    return Tree.of({"steps": steps, "charges": charges, **state})


def test_a_critique_belongs_to_the_attempt_that_it_was_shown() -> None:
    tree = tree_of("a-a+")
    assert [critique_of(tree, attempt) for attempt in "02"] == ["1", "3"]
    assert critique_of(tree_of("aa-"), "0") is None
    assert latest_attempt(tree) == ["2"]
    assert latest_attempt(tree_of("")) == []


def test_a_new_attempt_is_reviewed_unless_it_is_the_last() -> None:
    assert new_attempts("refine", 2)(tree_of("a-a", 1, new_steps=["2"])) == [["2"]]
    assert new_attempts("refine", 2)(tree_of("a-a-a", 2, new_steps=["4"])) == []
    assert new_attempts("refine", 2)(tree_of("a-", 1)) == []


def test_the_next_attempt_sees_the_last_one_and_its_review() -> None:
    assert attempt_and_critique(tree_of("a-a-", frontier=["2"])) == [["2", "3"]]
    assert attempt_and_critique(tree_of("a-a", frontier=["2"])) == [["2"]]
    assert attempt_and_critique(tree_of("")) == [[]]


def test_the_search_ends_with_a_content_critic_or_the_last_round() -> None:
    assert critique_accepts(verdict_is_correct)(tree_of("a-a+", frontier=["2"])) == "accepted"
    assert critique_accepts(verdict_is_correct)(tree_of("a+a-", frontier=["2"])) is None
    assert critique_accepts(verdict_is_correct)(tree_of("a", frontier=["0"])) is None
    assert critique_accepts(verdict_is_correct)(tree_of("")) is None
    assert critique_accepts(lambda text: "wrong" in text)(tree_of("a-", frontier=["0"])) == "accepted"
    assert [refinements_done("refine", 2)(tree_of("a", runs)) for runs in (1, 2)] == [None, "completed"]


@pytest.mark.parametrize(
    ("letters", "finish", "winner"),
    [
        ("a-a-a", None, "4"),
        ("a-a-n", None, "2"),
        ("a-a", "eel", "0"),
        ("n-n", None, "2"),
        ("n-n", "eel", "0"),
        ("a-a", "lel", "2"),
    ],
)
def test_the_last_attempt_with_an_answer_is_the_answer(letters: str, finish: str | None, winner: str) -> None:
    """Without any answer the last attempt that was not truncated is taken, as in prose."""
    tree = tree_of(letters, finish=finish)
    choice = last_answer(tree)
    assert choice.winner is not None
    assert tree.finalists[choice.winner].id == winner
    assert bool(choice.votes) == (not choice.notes)


def test_the_last_answer_has_the_only_vote() -> None:
    assert last_answer(tree_of("a-a")) == Choice(1, {1: 1.0})
    assert last_answer(tree_of("")) == Choice(None, notes=("There is no candidate to choose from.",))
