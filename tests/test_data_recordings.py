"""Numbers that extraction and equivalence must reproduce on real texts: docs/reference/algorithms.md 11.2 and 11.4.

A figure of a recording tests our code, not a method.
"""

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from its_graph.text.answers import extract_answer
from its_graph.text.equivalence import AnswerComparer, canonical

Rows = list[dict[str, Any]]
DataRows = Callable[[str], Rows]


@pytest.fixture(scope="module")
def comparer() -> AnswerComparer:
    return AnswerComparer()


@pytest.fixture(scope="module")
def recorded(data_rows: DataRows) -> list[tuple[str, list[str | None], list[dict[str, Any]]]]:
    """For each problem its gold answer, the extracted answers and the recorded samples."""
    gold = {row["id"]: row["answer"] for row in data_rows("gsm8k_test.jsonl")}
    rows = data_rows("recorded_gsm8k_gpt3_solutions.jsonl")
    return [(gold[row["id"]], [extract_answer(s["text"]) for s in row["samples"]], row["samples"]) for row in rows]


def test_each_recorded_model(recorded: Any, comparer: AnswerComparer) -> None:
    """Reference 11.2: our verdict agrees with every flag of the file."""
    right: Counter[str] = Counter()
    for gold, answers, samples in recorded:
        for answer, sample in zip(answers, samples, strict=True):
            verdict = comparer.equivalent(gold, answer)
            assert verdict is sample["correct"], sample["text"]
            right[sample["model"]] += verdict
    assert right == {"6b_finetuning": 286, "6b_verification": 515, "175b_finetuning": 458, "175b_verification": 742}


def test_texts_without_an_answer(recorded: Any) -> None:
    """Reference 11.2: 11 of 5,276 texts have no answer line."""
    missing = [
        s["model"] for _, answers, samples in recorded for a, s in zip(answers, samples, strict=True) if a is None
    ]
    assert Counter(missing) == {"175b_finetuning": 5, "6b_finetuning": 4, "6b_verification": 1, "175b_verification": 1}


def test_any_of_the_four(recorded: Any, comparer: AnswerComparer) -> None:
    """Reference 11.2: 887."""
    assert sum(any(comparer.equivalent(gold, answer) for answer in answers) for gold, answers, _ in recorded) == 887


def test_majority_of_the_four(recorded: Any, comparer: AnswerComparer) -> None:
    """Reference 11.2: 584, ties to the lowest index, no answer does not vote."""
    right = 0
    for gold, answers, _ in recorded:
        classes = comparer.group(answers)
        votes = Counter(number for number in classes if number is not None)
        # Counter keeps first appearance among equals, which is the lowest index.
        winner = votes.most_common(1)[0][0] if votes else None
        right += winner is not None and comparer.equivalent(gold, answers[classes.index(winner)])
    assert right == 584


def test_gsm8k_solutions_contain_their_answers(data_rows: DataRows, comparer: AnswerComparer) -> None:
    """Reference 11.1: each solution ends with `#### answer`."""
    rows = data_rows("gsm8k_test.jsonl")
    assert all(comparer.equivalent(row["answer"], extract_answer(row["solution"])) for row in rows)


def test_math500_solutions_contain_their_answers(data_rows: DataRows, comparer: AnswerComparer) -> None:
    """Reference 11.4: 500 of 500, without exception and without math-verify."""
    rows = data_rows("math500.jsonl")
    assert [row["id"] for row in rows if not comparer.equivalent(row["answer"], extract_answer(row["solution"]))] == []


def test_math500_answers_have_stable_normal_forms(data_rows: DataRows) -> None:
    forms = [canonical(row["answer"]) for row in data_rows("math500.jsonl")]
    assert None not in forms
    assert [canonical(form) for form in forms] == forms
