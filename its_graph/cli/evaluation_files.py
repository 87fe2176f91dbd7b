"""The files of an evaluation: outcomes go out as JSON lines and are found again, and so do the samples behind them."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from its_graph.cli.output_files import require_writable, writing
from its_graph.errors import InputError, StorageError
from its_graph.evaluation import Outcome
from its_graph.evaluation.json_lines import json_lines
from its_graph.evaluation.problem_file import read_problems

__all__ = ["OutcomeFile", "SampleFile", "json_lines", "read_problems"]

Run = dict[str, Any]
"""Everything that decides about the outcomes of a setting, but for the problems."""


class OutcomeFile:
    """A JSONL file of outcomes, each with a description of the run that it belongs to.

    Lines are only ever appended, one as each search ends, so that a run that was killed loses the searches under way
    and no more. A file may hold many runs.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        _prepare(path)
        self._lines = [_outcome(record, where) for record, where in json_lines(path)] if path.exists() else []

    def known(self, run: Run, problems: Sequence[tuple[Any, ...]]) -> dict[int, Outcome]:
        """Return what the file holds of this very run: same description, same problems and answers."""
        return {
            outcome.index: outcome
            for described, outcome in self._lines
            if described == run
            and outcome.index < len(problems)
            and problems[outcome.index][:2] == (outcome.problem, outcome.expected)
        }

    def append(self, run: Run, outcome: Outcome) -> None:
        """Add one outcome."""
        _append(self.path, [{"run": run, "outcome": outcome.model_dump(mode="json")}])


class SampleFile:
    """A JSONL file of samples, a line for each candidate of each search.

    What it holds already is not written again: a run that goes on after a kill may repeat a search.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        _prepare(path)
        lines = json_lines(path) if path.exists() else ()
        self._held = {_sample_key(record, where) for record, where in lines}

    def append(self, run: Run, setting: str, outcome: Outcome) -> None:
        """Add the samples of one outcome; an outcome that comes from a file has lost their texts."""
        rows = [
            {
                "problem": outcome.index,
                "setting": setting,
                "id": one.id,
                "text": one.text or None,
                **one.model_dump(mode="json", exclude={"id", "text", "from_question"}),
                "run": run,
            }
            for one in outcome.samples
        ]
        new = [row for row in rows if _sample_key(row, "") not in self._held]
        self._held.update(_sample_key(row, "") for row in new)
        _append(self.path, new)


def _sample_key(record: Any, where: str) -> str:
    try:
        return json.dumps([record["run"], record["problem"], record["id"]], sort_keys=True)
    except (KeyError, TypeError) as error:
        raise InputError(f"{where} is no sample of an evaluation. Give another file as --samples.") from error


def _outcome(record: Any, where: str) -> tuple[Run, Outcome]:
    try:
        return dict(record["run"]), Outcome.model_validate(record["outcome"])
    except (KeyError, TypeError, ValueError, ValidationError) as error:
        raise InputError(f"{where} is no outcome of an evaluation. Give another file as --out. ({error})") from error


def _append(path: Path, records: Iterable[dict[str, Any]]) -> None:
    kept = "What was written before is kept: make room and start the same command again."
    with writing(path, kept), path.open("a", encoding="utf-8") as file:
        file.writelines(json.dumps(one, ensure_ascii=False) + "\n" for one in records)


def _prepare(path: Path) -> None:
    """See that a file can be gone on with, and cut off a last line without its end: whoever wrote it was killed.

    Raises:
        StorageError: it cannot be read or written.
    """
    require_writable(path)
    if not path.exists():
        return
    if not path.is_file():
        raise StorageError(f"{path} is no regular file. Results are read again to go on with them: give a file.")
    with writing(path):
        content = path.read_bytes()
        if content and not content.endswith(b"\n"):
            with path.open("r+b") as file:
                file.truncate(content.rfind(b"\n") + 1)
