"""Everything that a batch has drawn, on disk: memory holds only where it stands.

Lines are appended, none is changed. A search that goes on says first what it may cost, then what it has added; one that
was killed in between counts as having cost all of it. A search that begins anew leaves its samples behind, not what
they cost. So the total holds however often a batch is killed.
"""

from collections.abc import Iterable
from hashlib import blake2b
from typing import Any

from its_graph.batch.search import State
from its_graph.budget import NOTHING, Spend, total
from its_graph.errors import InputError
from its_graph.jsonl import RecordKind, JsonLines
from its_graph.search.state import LOGS

__all__ = ["Journal"]

_KIND = RecordKind("line of a batch's journal", ('{"run": {', '{"begin": ', '{"add": ', '{"anew": '))


class Journal:
    """The ledger and the samples of a batch.

    Args:
        lines: where they stand; what is there is taken up.
    """

    def __init__(self, lines: JsonLines) -> None:
        self._lines = lines
        self._places: dict[int, list[int]] = {}
        self._problems: dict[int, str] = {}
        self._under_way: dict[int, Spend] = {}
        self._forfeited = NOTHING
        self.run: dict[str, Any] | None = None
        """What the runs that wrote it had in common; None for a new one."""
        self.settled = NOTHING
        """What the samples that it holds have cost."""
        lines.read(self._take, _KIND)

    @property
    def lost(self) -> Spend:
        """The most that searches can have cost which began and never told: they were killed, failed, or still run."""
        return total([self._forfeited, *self._under_way.values()])

    @property
    def spent(self) -> Spend:
        """All that counts against the budget: settled and lost."""
        return self.settled.plus(self.lost)

    def describe(self, run: dict[str, Any]) -> None:
        """Say what all runs that write into this journal must have in common.

        Raises:
            InputError: it was begun by a run with other settings; the message names them.
        """
        if self.run is None:
            self.run = run
            self._lines.append({"run": run})
        elif names := sorted(name for name in {*run, *self.run} if run.get(name) != self.run.get(name)):
            was = ", ".join(f"{name}={self.run.get(name)!r}, now {run.get(name)!r}" for name in names)
            raise InputError(f"{self._lines.name} belongs to a run with {was}. Give the same settings or another file.")

    def begin(self, index: int, bound: Spend) -> None:
        """Note that a search goes on, and the most that it can cost."""
        self._lines.append({"begin": index, "bound": bound})
        self._hold(index, bound)

    def add(self, index: int, problem: str, before: State, after: State) -> None:
        """Keep the records that `after` has beyond `before`."""
        added = {log: _beyond(before.get(log), after.get(log)) for log in LOGS}
        logs = {log: new for log, new in added.items() if new}
        place = self._lines.append({"add": index, "problem": _digest(problem), "logs": logs})
        self._settle(index, place, logs)

    def restart(self, index: int) -> None:
        """Let a problem's search begin anew: what it has drawn is passed over from here on, and stays paid for."""
        self._lines.append({"anew": index})
        self._forget(index)

    def logs(self, index: int) -> State:
        """Return all records of a problem's search, since it last began anew."""
        logs: State = {}
        for place in self._places.get(index, ()):
            for log, records in self._lines.at(place)["logs"].items():
                logs.setdefault(log, {}).update(records)
        return logs

    def begun(self, problems: Iterable[str]) -> list[int]:
        """Return the numbers of the problems that it holds samples of.

        Raises:
            InputError: another problem had one of these numbers.
        """
        texts = dict(enumerate(problems))
        for index, digest in self._problems.items():
            if index not in texts or _digest(texts[index]) != digest:
                raise InputError(
                    f"{self._lines.name} holds samples of another problem number {index}. "
                    "Problems may be added at the end, not changed: restore them or give another file."
                )
        return sorted(self._places)

    def _take(self, place: int, record: Any) -> None:
        if "run" in record:
            self.run = dict(record["run"])
        elif "begin" in record:
            self._hold(record["begin"], Spend._make(record["bound"]))
        elif "anew" in record:
            self._forget(record["anew"])
        else:
            self._settle(record["add"], place, record["logs"])
            self._problems[record["add"]] = record["problem"]

    def _hold(self, index: int, bound: Spend) -> None:
        """Book a search as under way; one of the same problem that was so before will not tell any more."""
        self._forfeited = self._forfeited.plus(self._under_way.pop(index, NOTHING))
        self._under_way[index] = bound

    def _forget(self, index: int) -> None:
        self._places.pop(index, None)

    def _settle(self, index: int, place: int, logs: State) -> None:
        """Book what a search has added at its cost."""
        self._under_way.pop(index, None)
        self._places.setdefault(index, []).append(place)
        charges = logs.get("charges", {}).values()
        self.settled = total([self.settled, *(Spend._make(map(one.get, Spend._fields)) for one in charges)])


def _beyond(before: dict[str, Any] | None, after: dict[str, Any] | None) -> dict[str, Any]:
    return {key: record for key, record in (after or {}).items() if key not in (before or {})}


def _digest(problem: str) -> str:
    return blake2b(problem.encode(), digest_size=8).hexdigest()
