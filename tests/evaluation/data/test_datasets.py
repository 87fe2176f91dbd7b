"""Data sets by name and by file, in the formats of common benchmarks."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from its_graph.errors import ConfigurationError, InputError
from its_graph.evaluation import Problem
from its_graph.evaluation.data.datasets import load_problems
from its_graph.evaluation.data.problem_file import read_problems, to_json_lines

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def lines(*records: dict[str, Any]) -> Path:
        path = tmp_path / "data.jsonl"
        path.write_text("".join(json.dumps(record) + "\n" for record in records))
        return path

    return lines


@pytest.mark.parametrize(
    ("record", "answer", "metadata"),
    [
        ({"problem": "One?", "answer": "1"}, "1", {}),
        ({"question": "One?", "answer": "First a.\nThen b.\n#### 1,042"}, "1,042", {}),
        ({"problem": "One?", "answer": r"\frac{1}{2}", "level": 3, "subject": "Algebra"}, r"\frac{1}{2}", {"level": 3}),
        ({"problem": "One?", "solution": r"So it is $\boxed{7}$."}, "7", {}),
        ({"ID": "2030-I-4", "Problem": "One?", "Solution": "Long.", "Answer": 104}, "104", {"id": "2030-I-4"}),
        ({"problem": "One?", "answer": -0.5}, "-0.5", {}),
    ],
)
def test_benchmark_formats_are_read(
    write: Write, record: dict[str, Any], answer: str, metadata: dict[str, Any]
) -> None:
    (problem,) = read_problems(write(record))
    assert (problem.problem, problem.answer) == ("One?", answer)
    assert metadata.items() <= problem.metadata.items()
    assert not {"problem", "question", "answer"} & set(problem.metadata)


@pytest.mark.parametrize(
    "record",
    [
        {"problem": "One?"},
        {"problem": "One?", "answer": True},
        {"problem": "One?", "answer": "worked out ####  "},
        {"problem": "One?", "answer": None, "solution": "no box"},
        {"problem": 1, "answer": "1"},
        {"answer": "1"},
    ],
)
def test_an_invalid_line_is_reported(write: Write, record: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="line 2 needs"):
        read_problems(write({"problem": "One?", "answer": "1"}, record))


def test_written_problems_are_read_back(tmp_path: Path) -> None:
    problems = [Problem("One?", "1", {"level": 2}), Problem("Zwei Äpfel?", r"\frac{1}{2}")]
    path = tmp_path / "again.jsonl"
    path.write_text("\n".join(to_json_lines(problems)), encoding="utf-8")
    assert [(problem.problem, problem.answer, dict(problem.metadata)) for problem in read_problems(path)] == [
        ("One?", "1", {"level": 2}),
        ("Zwei Äpfel?", r"\frac{1}{2}", {}),
    ]


def test_embedded_problems_depend_on_the_seed() -> None:
    assert len(load_problems("embedded", limit=7)) == 7
    assert load_problems("embedded", limit=5, seed=1) == load_problems("embedded", limit=9, seed=1)[:5]
    assert load_problems("embedded", limit=5, seed=1) != load_problems("embedded", limit=5, seed=2)


def test_a_missing_file_is_reported() -> None:
    with pytest.raises(ConfigurationError, match=r"File not found: 'absent\.jsonl'"):
        load_problems("absent.jsonl")


@pytest.mark.parametrize(("name", "rows"), [("gsm8k_test.jsonl", 1319), ("math500.jsonl", 500)])
def test_published_files_are_read(data_folder: Path, data_rows: Callable[..., Any], name: str, rows: int) -> None:
    expected = data_rows(name)
    problems = load_problems(str(data_folder / name))
    assert len(problems) == rows
    assert [(problem.problem, problem.answer) for problem in problems] == [
        (row["problem"], row["answer"]) for row in expected
    ]
    if name == "math500.jsonl":
        assert sum(problem.metadata["level"] == 5 for problem in problems) == 134


def test_an_equivalent_answer_is_correct() -> None:
    problem = Problem("A half?", r"\frac{1}{2}")
    assert problem.is_correct("0.5")
    assert not problem.is_correct("2")
    assert not problem.is_correct(None)


# --- reasoning-gym -----------------------------------------------------------------------------------------------

CHAIN = "reasoning-gym:chain_sum?size=6&seed=42&max_terms=3"


@pytest.fixture
def gym() -> None:
    pytest.importorskip("reasoning_gym", reason="the extra reasoning-gym is not installed")


@pytest.mark.usefixtures("gym")
def test_only_a_complete_answer_is_correct() -> None:
    """The scorer gives .067 for `The answer is 7`, and more for an answer that contains the correct one."""
    for problem in load_problems(CHAIN):
        assert problem.is_correct(problem.answer)
        assert not problem.is_correct(f"The answer is {problem.answer}")
        assert not problem.is_correct(f"{problem.answer}0")
        assert not problem.is_correct("")
        assert not problem.is_correct(None)


@pytest.mark.usefixtures("gym")
def test_the_name_determines_the_problems() -> None:
    same = [(problem.problem, problem.answer) for problem in load_problems(CHAIN)]
    assert len(same) == 6
    assert [(problem.problem, problem.answer) for problem in load_problems(CHAIN, limit=2)] == same[:2]
    assert [(problem.problem, problem.answer) for problem in load_problems(CHAIN.replace("42", "43"))] != same
    assert all(problem.metadata["num_terms"] <= 3 for problem in load_problems(CHAIN))
    assert all(json.loads(line)["source_dataset"] == "chain_sum" for line in to_json_lines(load_problems(CHAIN)))


@pytest.mark.usefixtures("gym")
@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("chain_sums", "Similar names: chain_sum"),
        ("chain_sum?color=red", "color"),
        ("chain_sum?min_terms=9&max_terms=2", "max_terms"),
    ],
)
def test_impossible_tasks_are_reported(name: str, reason: str) -> None:
    with pytest.raises(ConfigurationError, match=reason):
        load_problems(f"reasoning-gym:{name}")
