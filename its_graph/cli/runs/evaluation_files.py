"""The files of an evaluation: outcomes go out as JSON lines and are found again, and so do the samples behind them."""

import json
from collections.abc import Sequence
from typing import Any

from its_graph.evaluation import Outcome
from its_graph.jsonl import RecordKind, JsonLines

__all__ = ["OutcomeFile", "SampleFile"]

Run = dict[str, Any]
"""Everything that decides about the outcomes of a setting, but for the problems."""

_OUTCOME = RecordKind("outcome of an evaluation", ('{"run": {',))
_SAMPLE = RecordKind("sample of an evaluation", ('{"problem": ',))


class OutcomeFile:
    """Outcomes, each with a description of the run that it belongs to.

    Lines are only ever appended, one as each search ends, so that a run that was killed loses the searches under way
    and no more. A file may hold many runs.

    Args:
        lines: where they stand; what is there is taken up.
    """

    def __init__(self, lines: JsonLines) -> None:
        self._lines = lines
        self._held: list[tuple[Run, Outcome]] = []
        lines.read(self._take, _OUTCOME)

    def known(self, run: Run, problems: Sequence[tuple[Any, ...]]) -> dict[int, Outcome]:
        """Return what the file holds of this very run: same description, same problems and answers.

        Of two outcomes the later counts. A search that failed is not known, unless its question is to blame: what made
        it fail may be over.
        """
        newest = {
            outcome.index: outcome
            for described, outcome in self._held
            if described == run
            and outcome.index < len(problems)
            and problems[outcome.index][:2] == (outcome.problem, outcome.expected)
        }
        return {index: one for index, one in newest.items() if one.error is None or one.refused}

    def append(self, run: Run, outcome: Outcome) -> None:
        """Add one outcome."""
        self._lines.append({"run": run, "outcome": outcome.model_dump(mode="json")})

    def _take(self, place: int, record: Any) -> None:
        self._held.append((dict(record["run"]), Outcome.model_validate(record["outcome"])))


class SampleFile:
    """Samples, a line for each candidate of each search.

    What it holds already is not written again: a run that goes on after a kill may repeat a search.

    Args:
        lines: where they stand.
    """

    def __init__(self, lines: JsonLines) -> None:
        self._lines = lines
        self._held: set[str] = set()
        lines.read(lambda place, record: self._held.add(_key(record)), _SAMPLE)

    def append(self, run: Run, setting: str, outcome: Outcome) -> None:
        """Add the samples of one outcome; an outcome that comes from a file has lost their texts."""
        for one in outcome.samples:
            row = {
                "problem": outcome.index,
                "setting": setting,
                "id": one.id,
                "text": one.text or None,
                **one.model_dump(mode="json", exclude={"id", "text", "from_question"}),
                "run": run,
            }
            if (key := _key(row)) not in self._held:
                self._held.add(key)
                self._lines.append(row)


def _key(record: Any) -> str:
    return json.dumps([record["run"], record["problem"], record["id"]], sort_keys=True)
