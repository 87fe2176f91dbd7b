"""Difficulty estimates from pilots or from text."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from its_graph.routing.difficulty import by_agreement, by_text, by_verifier, text_difficulty
from its_graph.search.tree import Tree


def tree_of(*pilots: tuple[str | None, float | None], finish: str = "end", question: Any = "?") -> Tree:
    """Return a search whose pilots have these answers and scores."""
    steps = {
        str(key): {
            "parent": None,
            "text": "hm" if answer is None else rf"\boxed{{{answer}}}",
            "tokens": 1,
            "finish": finish,
            "confidence": None,
        }
        for key, (answer, _) in enumerate(pilots)
    }
    scores = {
        str(key): {"step": str(key), "value": score, "steps": [], "tokens": 0}
        for key, (_, score) in enumerate(pilots)
        if score is not None
    }
    messages = [{"role": "user", "content": question}]
    return Tree.of({"steps": steps, "scores": scores, "question": messages, "settings": {"seed": 1}})


# --- by the verifier -------------------------------------------------------------------------------------------------


def test_it_is_one_minus_the_mean_score() -> None:
    assert by_verifier(tree_of(("1", 0.9), ("2", 0.5), ("1", 0.1))) == pytest.approx(0.5)


def test_a_missing_score_is_ignored() -> None:
    assert by_verifier(tree_of(("1", 0.9), ("2", None), ("3", float("nan")))) == pytest.approx(0.1)


def test_without_evidence_difficulty_is_maximal() -> None:
    assert by_verifier(tree_of()) == by_verifier(tree_of(("1", None))) == 1.0
    assert by_verifier(tree_of(("1", 0.9), finish="length")) == 1.0


def test_scores_of_another_range_are_scaled() -> None:
    assert by_verifier(tree_of(("1", 8.0), ("1", 6.0)), scale=lambda score: score / 10) == pytest.approx(0.3)


# --- by agreement ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answers", "difficulty"),
    [("1111", 0.0), ("1112", 0.25), ("1122", 0.5), ("1234", 0.75), ("1", 0.0)],
)
def test_it_is_one_minus_the_share_of_the_largest_class(answers: str, difficulty: float) -> None:
    assert by_agreement(tree_of(*((answer, None) for answer in answers))) == difficulty


def test_equivalent_answers_agree() -> None:
    assert by_agreement(tree_of(("1/2", None), ("0.5", None))) == 0.0


def test_samples_without_an_answer_agree_with_none() -> None:
    assert by_agreement(tree_of(("1", None), (None, None), (None, None), ("1", None))) == 0.5
    assert by_agreement(tree_of((None, None))) == by_agreement(tree_of()) == 1.0


answers = st.lists(st.tuples(st.sampled_from(["1", "2", "3", None]), st.none() | st.floats(0, 1)), max_size=6)


@given(answers)
def test_both_are_in_range_for_any_pilots(pilots: list[tuple[str | None, float | None]]) -> None:
    tree = tree_of(*pilots)
    assert 0 <= by_verifier(tree) <= 1
    assert 0 <= by_agreement(tree) <= 1


# --- by the text -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("question", "difficulty"),
    [
        ("Prove the Riemann hypothesis.", 0.071),
        ("리만 가설을 증명하시오.", 0.003),  # the same in Korean
        ("Compute " + " + ".join(map(str, range(100))) + ".", 0.6),
        ("", 0.0),
    ],
)
def test_it_measures_how_a_question_looks(question: str, difficulty: float) -> None:
    assert text_difficulty(question) == pytest.approx(difficulty, abs=5e-4)


def test_every_share_is_at_most_one() -> None:
    everything = "prove show that find all maximize (((((((((( ++++++++++ " * 50 + "1 2 3 " * 50
    assert text_difficulty(everything) == 1.0


def test_the_last_message_of_a_conversation_is_read() -> None:
    tree = tree_of(question=[{"type": "text", "text": "Prove the"}, {"type": "text", "text": "Riemann hypothesis."}])
    assert by_text(tree) == text_difficulty("Prove the Riemann hypothesis.")
