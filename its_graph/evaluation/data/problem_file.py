"""Files of problems: JSON lines, as the usual benchmarks come.

A line needs its problem as `problem` or `question`, and its answer as `answer`; case does not matter. Of an answer that
ends like GSM8K's (`... #### 42`) what stands behind the mark counts; where there is none, the boxed answer of
`solution` does (MATH). Other fields (level, subject, id) are kept.
"""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from its_graph.errors import ConfigurationError, InputError
from its_graph.evaluation.data.json_lines import json_lines
from its_graph.evaluation.data.problem import Problem
from its_graph.text.answers import extract_answer

__all__ = ["to_json_lines", "parse_record", "read_problems"]

_PROBLEM = ("problem", "question")
_ANSWER = "answer"
_SOLUTION = "solution"
_MARK = "####"


def read_problems(path: Path) -> list[Problem]:
    """Return the problems of a file.

    Raises:
        ConfigurationError: there is no such file.
        InputError: for a line that is no problem; the message names file and line.
    """
    if not path.is_file():
        raise ConfigurationError(
            f"There is no file {path}. Give a JSONL file, `embedded`, or `reasoning-gym:TASK` as data."
        )
    problems = [_problem(record, where) for record, where in json_lines(path)]
    if not problems:
        raise InputError(f"{path} holds no problem. Each line needs `problem` and `answer`.")
    return problems


def to_json_lines(problems: Iterable[Problem]) -> Iterable[str]:
    """Yield each problem as a line that `read_problems` reads back; a scorer of its own is lost."""
    for one in problems:
        yield json.dumps({"problem": one.problem, "answer": one.answer, **one.metadata}, ensure_ascii=False, default=str)


def parse_record(record: Any, where: str) -> tuple[str, str | None, dict[str, Any]]:
    """Return the problem of a line, its answer or None where it has none, and the other fields.

    Raises:
        InputError: it has no problem, or an answer that is neither text nor a number.
    """
    fields = {str(name).lower(): value for name, value in record.items()} if isinstance(record, dict) else {}
    named = next((name for name in _PROBLEM if name in fields), "")
    problem = fields.get(named)
    if not isinstance(problem, str) or not problem.strip():
        raise _unreadable(record, where)
    rest = {name: value for name, value in fields.items() if name not in (named, _ANSWER)}
    return problem, _answer(fields, where), rest


def _problem(record: Any, where: str) -> Problem:
    problem, answer, rest = parse_record(record, where)
    if answer is None:
        raise _unreadable(record, where)
    return Problem(problem, answer, rest)


def _answer(fields: dict[str, Any], where: str) -> str | None:
    answer = fields.get(_ANSWER)
    if answer is None:
        return extract_answer(str(fields.get(_SOLUTION, "")))
    if isinstance(answer, bool) or not isinstance(answer, (str, int, float)):
        raise _unreadable(fields, where)
    return str(answer).rpartition(_MARK)[2].strip() or None


def _unreadable(record: Any, where: str) -> InputError:
    return InputError(f'{where} needs "problem" and "answer" as text that is not empty. Given: {str(record)[:80]}')
