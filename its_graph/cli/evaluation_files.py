"""The files of an evaluation: problems come in as JSON lines, outcomes go out as JSON lines and are found again."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from its_graph.errors import InputError
from its_graph.evaluation import Outcome

__all__ = ["OutcomeFile", "json_lines", "read_problems"]


def read_problems(path: Path) -> list[tuple[str, str]]:
    """Return the pairs of `problem` and `answer` of a JSONL file; empty lines and other fields are passed over.

    Raises:
        InputError: for a line that is no such object; the message names file and line.
    """
    problems = [_problem(record, where) for record, where in json_lines(path)]
    if not problems:
        raise InputError(f"{path} holds no problem. Each line needs `problem` and `answer`.")
    return problems


class OutcomeFile:
    """A JSONL file of outcomes, each with a description of the run that it belongs to.

    Lines are only ever appended, one as each search ends, so that a run that was killed loses the searches under way
    and no more. A file may hold many runs.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        _drop_torn_line(path)
        self._lines = [_outcome(record, where) for record, where in json_lines(path)] if path.exists() else []

    def known(self, run: dict[str, Any], problems: list[tuple[str, str]]) -> dict[int, Outcome]:
        """Return what the file holds of this very run: same description, same problems."""
        return {
            outcome.index: outcome
            for described, outcome in self._lines
            if described == run
            and outcome.index < len(problems)
            and problems[outcome.index] == (outcome.problem, outcome.expected)
        }

    def append(self, run: dict[str, Any], outcome: Outcome) -> None:
        """Add one outcome."""
        line = json.dumps({"run": run, "outcome": outcome.model_dump(mode="json")}, ensure_ascii=False)
        with self.path.open("a", encoding="utf-8") as file:
            file.write(line + "\n")


def json_lines(path: Path) -> Iterator[tuple[Any, str]]:
    """Yield each line's value, and its place for a message."""
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            if line.strip():
                where = f"{path}, line {number}"
                try:
                    yield json.loads(line), where
                except ValueError as error:  # not JSON, or not UTF-8
                    raise InputError(f"{where} is not JSON: {error}. Correct or remove the line.") from error


def _problem(record: Any, where: str) -> tuple[str, str]:
    fields = record if isinstance(record, dict) else {}
    problem, answer = fields.get("problem"), fields.get("answer")
    if isinstance(answer, int) and not isinstance(answer, bool):
        answer = str(answer)
    if not isinstance(problem, str) or not problem.strip() or not isinstance(answer, str) or not answer.strip():
        raise InputError(
            f'{where} needs "problem" and "answer", both as text that is not empty. Given: {str(record)[:80]}'
        )
    return problem, answer


def _outcome(record: Any, where: str) -> tuple[dict[str, Any], Outcome]:
    try:
        return dict(record["run"]), Outcome.model_validate(record["outcome"])
    except (KeyError, TypeError, ValueError, ValidationError) as error:
        raise InputError(f"{where} is no outcome of an evaluation. Give another file as --out. ({error})") from error


def _drop_torn_line(path: Path) -> None:
    """Cut off a last line without its end: the run that wrote it was killed half way through."""
    if path.exists() and (content := path.read_bytes()) and not content.endswith(b"\n"):
        with path.open("r+b") as file:
            file.truncate(content.rfind(b"\n") + 1)
