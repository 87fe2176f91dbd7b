"""Problem files: JSON lines in the formats of common benchmarks.

A line needs its problem as `problem` or `question` and its answer as `answer`, in any case. From an answer that ends
like GSM8K's (`... #### 42`), the part after the marker counts. Without an answer, the boxed answer of `solution` counts
(MATH). Other fields (level, subject, id) are kept as metadata.
"""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from its_graph.errors import ConfigurationError, InputError
from its_graph.evaluation.data.problem import Problem
from its_graph.jsonl import read_json_lines
from its_graph.text.answers import extract_answer

__all__ = ["parse_record", "read_problems", "to_json_lines"]

_PROBLEM_FIELDS = ("problem", "question")
_ANSWER = "answer"
_SOLUTION = "solution"
_ANSWER_MARKER = "####"


def read_problems(path: Path) -> list[Problem]:
    """Return the problems of a file.

    Raises:
        ConfigurationError: the file does not exist.
        InputError: a line is not a problem; the message names file and line.
    """
    if not path.is_file():
        raise ConfigurationError(
            f"File not found: '{path}'. Use a JSONL file of problems and answers, `embedded`, or `reasoning-gym:TASK`."
        )
    problems = [_problem(record, location) for record, location in read_json_lines(path)]
    if not problems:
        raise InputError(f"{path} holds no problems. Each line needs `problem` and `answer`.")
    return problems


def to_json_lines(problems: Iterable[Problem]) -> Iterable[str]:
    """Yield each problem as a line that `read_problems` reads back, except for its scorer."""
    for problem in problems:
        fields = {"problem": problem.problem, "answer": problem.answer, **problem.metadata}
        yield json.dumps(fields, ensure_ascii=False, default=str)


def parse_record(record: Any, location: str) -> tuple[str, str | None, dict[str, Any]]:
    """Return the problem of a line, its answer or None, and the other fields.

    Args:
        record: JSON value of the line.
        location: file and line, for the error message.

    Raises:
        InputError: the line has no problem, or an answer that is neither text nor a number.
    """
    fields = {str(name).lower(): value for name, value in record.items()} if isinstance(record, dict) else {}
    problem_field = next((name for name in _PROBLEM_FIELDS if name in fields), "")
    problem = fields.get(problem_field)
    if not isinstance(problem, str) or not problem.strip():
        raise _invalid(record, location)
    metadata = {name: value for name, value in fields.items() if name not in (problem_field, _ANSWER)}
    return problem, _answer(fields, location), metadata


def _problem(record: Any, location: str) -> Problem:
    problem, answer, metadata = parse_record(record, location)
    if answer is None:
        raise _invalid(record, location)
    return Problem(problem, answer, metadata)


def _answer(fields: dict[str, Any], location: str) -> str | None:
    answer = fields.get(_ANSWER)
    if answer is None:
        return extract_answer(str(fields.get(_SOLUTION, "")))
    if isinstance(answer, bool) or not isinstance(answer, (str, int, float)):
        raise _invalid(fields, location)
    return str(answer).rpartition(_ANSWER_MARKER)[2].strip() or None


def _invalid(record: Any, location: str) -> InputError:
    return InputError(f'{location} needs "problem" and "answer" as non-empty text; got {str(record)[:80]}')
