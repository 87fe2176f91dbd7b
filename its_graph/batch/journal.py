"""All samples of a batch on disk, so that memory holds only the statistics of each problem.

The file is append-only. Before a search draws samples, the journal records the most they can cost; afterwards it
records the samples. A search killed in between counts as having cost that bound. A restarted search drops its samples
but not their cost. The total therefore holds no matter how often a batch is killed.
"""

from collections.abc import Iterable
from hashlib import blake2b
from typing import Any

from its_graph.batch.search import State
from its_graph.budget import NOTHING, Spend, total
from its_graph.errors import InputError
from its_graph.jsonl import JsonLines, RecordKind
from its_graph.search.state import LOGS

__all__ = ["Journal"]

_KIND = RecordKind("a line of a batch's journal", ('{"run": {', '{"begin": ', '{"add": ', '{"restart": '))


class Journal:
    """The ledger and the samples of a batch.

    Args:
        lines: the file; records that it already holds are replayed.
    """

    def __init__(self, lines: JsonLines) -> None:
        self._lines = lines
        self._offsets: dict[int, list[int]] = {}
        self._digests: dict[int, str] = {}
        self._in_flight: dict[int, Spend] = {}
        self._forfeited = NOTHING
        self.run: dict[str, Any] | None = None
        """Settings that all runs writing this journal share; None for a new journal."""
        self.settled = NOTHING
        """Spend on all recorded samples."""
        lines.read(self._replay, _KIND)

    @property
    def lost(self) -> Spend:
        """Upper bound of the spend on searches that never recorded their samples: killed, failed, or still running."""
        return total([self._forfeited, *self._in_flight.values()])

    @property
    def spent(self) -> Spend:
        """Everything that counts against the budget: settled plus lost."""
        return self.settled.plus(self.lost)

    def bind_run(self, run: dict[str, Any]) -> None:
        """Record the settings that all runs writing this journal must share.

        Raises:
            InputError: the journal belongs to a run with other settings; the message names them.
        """
        if self.run is None:
            self.run = run
            self._lines.append({"run": run})
        elif names := sorted(name for name in {*run, *self.run} if run.get(name) != self.run.get(name)):
            differences = ", ".join(f"{name}={self.run.get(name)!r}, now {run.get(name)!r}" for name in names)
            raise InputError(
                f"{self._lines.name} belongs to a run with {differences}. Use the same settings or another file."
            )

    def begin(self, index: int, bound: Spend) -> None:
        """Record that a search is about to draw samples, and the most that they can cost."""
        self._lines.append({"begin": index, "bound": bound})
        self._reserve(index, bound)

    def add(self, index: int, problem: str, before: State, after: State) -> None:
        """Record the log entries of `after` that `before` does not have."""
        added = {log: _new_entries(before.get(log), after.get(log)) for log in LOGS}
        logs = {log: entries for log, entries in added.items() if entries}
        offset = self._lines.append({"add": index, "problem": _digest(problem), "logs": logs})
        self._settle(index, offset, logs)

    def restart(self, index: int) -> None:
        """Restart the search of a problem: its recorded samples are ignored from now on; their cost still counts."""
        self._lines.append({"restart": index})
        self._forget(index)

    def logs(self, index: int) -> State:
        """Return all log entries of a problem's search since its last restart."""
        logs: State = {}
        for offset in self._offsets.get(index, ()):
            for log, entries in self._lines.value_at(offset)["logs"].items():
                logs.setdefault(log, {}).update(entries)
        return logs

    def started_problems(self, problems: Iterable[str]) -> list[int]:
        """Return the indices of the problems with recorded samples.

        Raises:
            InputError: another problem had one of these indices.
        """
        texts = dict(enumerate(problems))
        for index, digest in self._digests.items():
            if index not in texts or _digest(texts[index]) != digest:
                raise InputError(
                    f"{self._lines.name} holds samples of another problem number {index}. "
                    "Problems may be appended but not changed: restore them or use another file."
                )
        return sorted(self._offsets)

    def _replay(self, offset: int, record: Any) -> None:
        if "run" in record:
            self.run = dict(record["run"])
        elif "begin" in record:
            self._reserve(record["begin"], Spend._make(record["bound"]))
        elif "restart" in record:
            self._forget(record["restart"])
        else:
            self._settle(record["add"], offset, record["logs"])
            self._digests[record["add"]] = record["problem"]

    def _reserve(self, index: int, bound: Spend) -> None:
        """Mark a search as in flight. An earlier one of the same problem will never settle: its bound is forfeited."""
        self._forfeited = self._forfeited.plus(self._in_flight.pop(index, NOTHING))
        self._in_flight[index] = bound

    def _forget(self, index: int) -> None:
        self._offsets.pop(index, None)

    def _settle(self, index: int, offset: int, logs: State) -> None:
        """Replace the bound of a search by the cost of what it added."""
        self._in_flight.pop(index, None)
        self._offsets.setdefault(index, []).append(offset)
        charges = logs.get("charges", {}).values()
        self.settled = total([self.settled, *(Spend._make(map(charge.get, Spend._fields)) for charge in charges)])


def _new_entries(before: dict[str, Any] | None, after: dict[str, Any] | None) -> dict[str, Any]:
    return {key: entry for key, entry in (after or {}).items() if key not in (before or {})}


def _digest(problem: str) -> str:
    return blake2b(problem.encode(), digest_size=8).hexdigest()
