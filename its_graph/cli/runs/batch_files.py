"""The files of a batch: problems come in as JSON lines, answers go out as JSON lines, one as each problem ends."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from its_graph.batch.types import ProblemResult
from its_graph.cli.display.batch_summary import BatchTotals
from its_graph.errors import InputError
from its_graph.evaluation.data.json_lines import json_lines
from its_graph.evaluation.data.problem_file import parse_record
from its_graph.jsonl import RecordKind, JsonLines

__all__ = ["Answers", "Item", "read_items"]

_KIND = RecordKind("answer to a problem of this batch", ('{"id": ',))
_PASSING = ("budget", "failed")
"""Why a problem may have no answer that has one the next time."""


class Item(NamedTuple):
    """A problem of a batch."""

    id: str | int
    """As it was given, or the number of the line's problem."""
    problem: str
    expected: str | None
    """The right answer, where it is known."""


def read_items(path: Path) -> list[Item]:
    """Return the problems of a JSONL file, read as `its_graph.evaluation.data.problem_file` does; answers may be missing.

    Raises:
        InputError: for a line without a problem, for an id that stands there twice, and for a file without any problem.
    """
    items = [_item(number, record, where) for number, (record, where) in enumerate(json_lines(path))]
    if not items:
        raise InputError(f'{path} holds no problem. Each line needs "problem", and may have "id" and "answer".')
    seen: set[str | int] = set()
    for item in items:
        if item.id in seen:
            raise InputError(f"{path} holds the id {item.id!r} twice. Answers are told apart by it: make it unique.")
        seen.add(item.id)
    return items


class Answers:
    """A file of answers. Problems that an earlier run has answered are not solved again.

    One that the budget left without an answer, or whose calls all failed, is tried again; its last line counts. Only a
    question that cannot be asked at all is not.

    Args:
        lines: where the answers stand.
        items: the problems of the batch.
    """

    def __init__(self, lines: JsonLines, items: list[Item]) -> None:
        self._lines, self._items = lines, items
        numbers = {item.id: number for number, item in enumerate(items)}
        done: dict[int, BatchTotals] = {}
        self._failed: list[tuple[int, str]] = []

        def take(place: int, record: Any) -> None:
            number, tally = numbers[record["id"]], BatchTotals().plus(record)
            if not (tally.unanswered and record["stop_reason"] in _PASSING):
                done[number] = tally
                self._note(number, record)

        lines.read(take, _KIND)
        self.known = frozenset(done)
        """Numbers of the problems that need not be solved again."""
        self.tally = BatchTotals(*map(sum, zip(BatchTotals(), *done.values(), strict=True)))

    def add(self, solved: ProblemResult, *, correct: bool | None) -> None:
        """Write an answer; `correct` is None where the right one is not known."""
        line = {"id": self._items[solved.index].id, **dict(_told(solved, correct))}
        self._lines.append(line)
        self.tally = self.tally.plus(line)
        self._note(solved.index, line)

    @property
    def first_error(self) -> str | None:
        """Why the first of the problems failed that did."""
        return self._failed[0][1] if self._failed else None

    def _note(self, number: int, line: dict[str, Any]) -> None:
        if "error" in line:
            self._failed = [min([(number, line["error"]), *self._failed])]


def _told(solved: ProblemResult, correct: bool | None) -> Iterator[tuple[str, Any]]:
    yield from {
        "answer": solved.answer,
        "text": solved.text,
        "score": solved.score,
        "samples": solved.samples,
        "tokens": solved.spend.tokens,
        "stop_reason": solved.stop_reason,
        "spend": solved.spend._asdict(),
    }.items()
    if correct is not None:
        yield "correct", correct
    if solved.error is not None:
        yield "error", solved.error


def _item(number: int, record: Any, where: str) -> Item:
    problem, expected, fields = parse_record(record, where)
    key = fields.get("id", number)
    if isinstance(key, bool) or not isinstance(key, (str, int)):
        raise InputError(f'{where} has an "id" that is neither text nor a whole number: {key!r}.')
    return Item(key, problem, expected)
