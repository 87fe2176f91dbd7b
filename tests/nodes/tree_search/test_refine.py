"""The prompt of a refinement."""

from typing import Any

from its_graph.nodes.tree_search.refine import with_score

QUESTION: list[dict[str, Any]] = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "Add 3, 5, 4."},
]


def test_the_answer_and_its_score_are_shown_and_the_question_is_asked_again() -> None:
    messages = list(with_score(QUESTION, "It is 11.", 0.4567))
    assert messages[:3] == [*QUESTION, {"role": "assistant", "content": "It is 11."}]
    assert "0.46, on a scale from 0" in messages[4]["content"]
    assert messages[-1]["role"] == "user"
    assert messages[-1]["content"].endswith("Add 3, 5, 4.")


def test_without_a_score_only_the_answer_is_shown() -> None:
    messages = list(with_score(QUESTION, "It is 11.", None))
    assert [message["role"] for message in messages] == ["system", "user", "assistant", "user"]
    assert "scale" not in str(messages)


def test_the_score_changes_nothing_but_itself() -> None:
    low, high = (str(with_score(QUESTION, "It is 11.", score)) for score in (0.1, 0.9))
    assert low.replace("0.10", "0.90") == high


def test_the_question_is_left_as_it_was() -> None:
    before = [dict(message) for message in QUESTION]
    with_score(QUESTION, "x", 0.5)
    assert before == QUESTION
