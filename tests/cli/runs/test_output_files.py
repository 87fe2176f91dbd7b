"""Files that commands write: each named once, none of another kind, and one run at a time."""

import json
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from its_graph.cli.runs.models import ModelOptions
from its_graph.jsonl import JsonLines

Call = Callable[..., Any]


@pytest.fixture
def sums(tmp_path: Path) -> Path:
    path = tmp_path / "sums.jsonl"
    rows = [{"problem": f"Add {one}, 5, 4.", "answer": one + 9} for one in range(1, 5)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.fixture
def _no_models(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ModelOptions, "load", lambda options: pytest.fail("a model was loaded"))


@pytest.mark.usefixtures("_no_models")
@pytest.mark.parametrize(
    ("command", "options"),
    [
        (("eval", "--data", "{sums}", "--out", "{sums}"), ("--data", "--out")),
        (("eval", "--data", "{sums}", "--samples", "{sums}"), ("--data", "--samples")),
        (("eval", "--data", "{sums}", "--out", "{new}", "--samples", "{new}"), ("--out", "--samples")),
        (("eval", "--data", "{sums}", "--out", "{new}", "--report", "{new}"), ("--out", "--report")),
        (("eval", "--data", "{sums}", "--out", "{new}", "--set", "policy={new}"), ("--out", "--set policy")),
        (("calibrate", "--data", "{sums}", "--out", "{sums}"), ("--data", "--out")),
        (("calibrate", "--data", "{sums}", "--out", "{new}", "--outcomes", "{new}"), ("--out", "--outcomes")),
        (("eval-sizes", "--data", "{sums}", "--outcomes", "{sums}"), ("--data", "--outcomes")),
        (("problems", "{sums}", "--out", "{sums}"), ("DATA", "--out")),
        (("solve-batch", "{sums}", "--budget-calls", "9", "--out", "{sums}"), ("PROBLEMS", "--out")),
    ],
)
def test_no_file_is_named_twice(
    call: Call, sums: Path, tmp_path: Path, command: tuple[str, ...], options: tuple[str, str]
) -> None:
    before, new = sums.read_bytes(), tmp_path / "new.md"
    arguments = [one.format(sums=sums, new=new) for one in command]
    if "--set" in arguments:
        arguments += ["--strategies", "compute_optimal"]
    code, _, err = call(*arguments)
    assert (code, f"{options[0]} and {options[1]} are both " in err) == (2, True), err
    assert (sums.read_bytes(), new.exists()) == (before, False)


def test_a_file_without_its_last_newline_is_not_changed_unless_it_is_ours(
    call: Call, sums: Path, tmp_path: Path
) -> None:
    for content in ("my notes", sums.read_text().rstrip("\n"), '{"problem": "Add 1, 2.", "answer": 3}'):
        for flag in ("--out", "--samples"):
            notes = tmp_path / "notes.txt"
            notes.write_text(content)
            called = call("eval", "--strategies", "single", "--data", sums, "--limit", 2, flag, notes)
            assert (called.code, "notes.txt" in called.err) == (2, True)
            assert notes.read_text() == content


def test_two_runs_do_not_write_one_file(call: Call, sums: Path, tmp_path: Path) -> None:
    command = ("eval", "--strategies", "single", "--data", sums, "--limit", 2, "--json")
    for flag in ("--out", "--samples"):
        path = tmp_path / f"{flag}.jsonl"
        with closing(JsonLines.open(path)):
            called = call(*command, flag, path)
        assert (called.code, f"Another run is writing {path}" in called.err) == (2, True)
        assert call(*command, flag, path).code == 0


BATCH = ("solve-batch", "--budget-calls", 9, "--out")


@pytest.mark.usefixtures("_no_models")
def test_a_batch_does_not_change_other_files(call: Call, sums: Path, tmp_path: Path) -> None:
    notes = tmp_path / "notes.txt"
    notes.write_text("my notes")
    called = call(*BATCH, notes, sums)
    assert (called.code, "notes.txt does not contain an answer to a problem of this batch" in called.err) == (2, True)
    assert notes.read_text() == "my notes"


def test_the_same_batch_does_not_run_twice_at_once(call: Call, sums: Path, tmp_path: Path) -> None:
    out = tmp_path / "answers.jsonl"
    for path in (out, tmp_path / "answers.jsonl.journal"):
        with closing(JsonLines.open(path)):
            called = call(*BATCH, out, sums)
        assert (called.code, f"Another run is writing {path}" in called.err) == (2, True)
    assert call(*BATCH, out, sums).code == 0
