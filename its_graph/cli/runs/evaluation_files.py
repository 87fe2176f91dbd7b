"""The files of an evaluation: outcomes, and the samples behind them, as JSON lines that a later run reads back."""

import json
from collections.abc import Sequence
from typing import Any

from its_graph.evaluation import Outcome
from its_graph.jsonl import JsonLines, RecordKind

__all__ = ["OutcomeFile", "SampleFile"]

Run = dict[str, Any]
"""Everything that determines the outcomes of a cell, except the problems."""

_OUTCOME = RecordKind("an outcome of an evaluation", ('{"run": {',))
_SAMPLE = RecordKind("a sample of an evaluation", ('{"problem": ',))


class OutcomeFile:
    """Outcomes, each with a description of its run.

    Lines are only appended, one when each search ends, so that a killed run loses only the searches in flight. A file
    may contain many runs.

    Args:
        lines: the file; its outcomes are read.
    """

    def __init__(self, lines: JsonLines) -> None:
        self._lines = lines
        self._stored: list[tuple[Run, Outcome]] = []
        lines.read(self._store, _OUTCOME)

    def completed(self, run: Run, problems: Sequence[tuple[Any, ...]]) -> dict[int, Outcome]:
        """Return the outcomes of exactly this run: same description, same problems and answers.

        The later of two outcomes counts. A failed search is not completed, since the cause may be gone, unless the
        question itself was rejected.
        """
        newest = {
            outcome.index: outcome
            for described, outcome in self._stored
            if described == run
            and outcome.index < len(problems)
            and problems[outcome.index][:2] == (outcome.problem, outcome.expected)
        }
        return {index: outcome for index, outcome in newest.items() if outcome.error is None or outcome.refused}

    def append(self, run: Run, outcome: Outcome) -> None:
        """Append one outcome."""
        self._lines.append({"run": run, "outcome": outcome.model_dump(mode="json")})

    def _store(self, offset: int, record: Any) -> None:
        self._stored.append((dict(record["run"]), Outcome.model_validate(record["outcome"])))


class SampleFile:
    """Samples, one line per candidate of each search.

    A sample that the file already has is not written again: a run resumed after a kill may repeat a search.

    Args:
        lines: the file.
    """

    def __init__(self, lines: JsonLines) -> None:
        self._lines = lines
        self._stored: set[str] = set()
        lines.read(lambda offset, record: self._stored.add(_key(record)), _SAMPLE)

    def append(self, run: Run, config: str, outcome: Outcome) -> None:
        """Append the samples of one outcome; those of an outcome read from a file have no text."""
        for sample in outcome.samples:
            row = {
                "problem": outcome.index,
                "config": config,
                "id": sample.id,
                "text": sample.text or None,
                **sample.model_dump(mode="json", exclude={"id", "text", "from_question"}),
                "run": run,
            }
            if (key := _key(row)) not in self._stored:
                self._stored.add(key)
                self._lines.append(row)


def _key(record: Any) -> str:
    return json.dumps([record["run"], record["problem"], record["id"]], sort_keys=True)
