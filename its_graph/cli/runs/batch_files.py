"""The files of a batch as JSON lines: problems are read, answers are appended when each problem ends."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from its_graph.batch.types import ProblemResult
from its_graph.cli.display.batch_summary import BatchTotals
from its_graph.errors import InputError
from its_graph.evaluation.data.problem_file import parse_record
from its_graph.jsonl import JsonLines, RecordKind, read_json_lines

__all__ = ["AnswerFile", "BatchProblem", "read_batch_problems"]

_ANSWER = RecordKind("an answer to a problem of this batch", ('{"id": ',))
_RETRIED = ("budget", "failed")
"""Stop reasons of problems without an answer that are tried again by the next run."""


class BatchProblem(NamedTuple):
    """A problem of a batch."""

    id: str | int
    """As given in the file, otherwise the index of the problem."""
    problem: str
    expected: str | None
    """The correct answer, if it is known."""


def read_batch_problems(path: Path) -> list[BatchProblem]:
    """Read the problems of a JSONL file.

    The format is that of `its_graph.evaluation.data.problem_file`, except that answers are optional.

    Raises:
        InputError: a line has no problem, an id occurs twice, or the file has no problems.
    """
    problems = [_parse_problem(index, record, where) for index, (record, where) in enumerate(read_json_lines(path))]
    if not problems:
        raise InputError(f'{path} has no problems. Each line needs "problem", and may have "id" and "answer".')
    ids: set[str | int] = set()
    for problem in problems:
        if problem.id in ids:
            raise InputError(f"{path} has the id {problem.id!r} twice. Ids must be unique.")
        ids.add(problem.id)
    return problems


class AnswerFile:
    """The answers of a batch. Problems that an earlier run answered are not solved again.

    A problem that the budget left without an answer, or whose calls all failed, is tried again, and its last line
    counts. A problem whose question was rejected is not tried again.

    Args:
        lines: the file; its answers are read.
        problems: the problems of the batch.
    """

    def __init__(self, lines: JsonLines, problems: list[BatchProblem]) -> None:
        self._lines, self._problems = lines, problems
        indices = {problem.id: index for index, problem in enumerate(problems)}
        completed: dict[int, BatchTotals] = {}
        self._failures: list[tuple[int, str]] = []

        def read(offset: int, record: Any) -> None:
            index, totals = indices[record["id"]], BatchTotals().plus(record)
            if not (totals.unanswered and record["stop_reason"] in _RETRIED):
                completed[index] = totals
                self._note_failure(index, record)

        lines.read(read, _ANSWER)
        self.completed = frozenset(completed)
        """Indices of the problems that need not be solved again."""
        self.totals = BatchTotals(*map(sum, zip(BatchTotals(), *completed.values(), strict=True)))

    def append(self, result: ProblemResult, *, correct: bool | None) -> None:
        """Append an answer; `correct` is None if the expected answer is not known."""
        line = {"id": self._problems[result.problem_index].id, **dict(_fields(result, correct))}
        self._lines.append(line)
        self.totals = self.totals.plus(line)
        self._note_failure(result.problem_index, line)

    @property
    def first_error(self) -> str | None:
        """Error of the first problem that failed."""
        return self._failures[0][1] if self._failures else None

    def _note_failure(self, index: int, line: dict[str, Any]) -> None:
        if "error" in line:
            self._failures = [min([(index, line["error"]), *self._failures])]


def _fields(result: ProblemResult, correct: bool | None) -> Iterator[tuple[str, Any]]:
    yield from {
        "answer": result.answer,
        "text": result.text,
        "score": result.score,
        "samples": result.samples,
        "tokens": result.spend.tokens,
        "stop_reason": result.stop_reason,
        "spend": result.spend._asdict(),
    }.items()
    if correct is not None:
        yield "correct", correct
    if result.error is not None:
        yield "error", result.error


def _parse_problem(index: int, record: Any, where: str) -> BatchProblem:
    problem, expected, fields = parse_record(record, where)
    key = fields.get("id", index)
    if isinstance(key, bool) or not isinstance(key, (str, int)):
        raise InputError(f'{where}: "id" must be text or an integer; got {key!r}.')
    return BatchProblem(key, problem, expected)
