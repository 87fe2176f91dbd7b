"""`its-graph eval --report --plots`, and `its-graph problems`."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from its_graph.cli.runs.models import ModelOptions
from its_graph.contracts import Generator, Verifier

Call = Callable[..., Any]


@pytest.fixture
def sums(tmp_path: Path) -> Path:
    path = tmp_path / "some sums.jsonl"
    rows = [{"problem": f"Add {one}, 5, 4, 2.", "answer": str(one + 11), "level": one} for one in range(8)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.fixture
def _no_models(monkeypatch: pytest.MonkeyPatch) -> None:
    def load(options: ModelOptions) -> tuple[Generator, Verifier | None]:
        raise AssertionError("a model was loaded")

    monkeypatch.setattr(ModelOptions, "load", load)


def test_a_report_shows_the_command_that_made_it(call: Call, sums: Path, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="the extra plots is not installed")
    page, plain, plots = tmp_path / "r.html", tmp_path / "r.md", tmp_path / "plots"
    files = ("--data", sums, "--report", page, "--report", plain, "--plots", plots)
    assert call("eval", "--n", "4,8", "--no-reuse", "--seed", 5, *files, "--json").code == 0
    command = f"its-graph eval --n 4,8 --no-reuse --data '{sums}' --seed 5 --report {page} --report {plain}"
    assert all(word in plain.read_text() for word in command.split(" --"))
    (shown,) = [line for line in plain.read_text().splitlines() if line.startswith("its-graph eval --")]
    assert shown.startswith(command)
    assert "8 problems of" in plain.read_text()
    assert "<svg" in page.read_text()
    assert {path.name for path in plots.iterdir()} >= {"flops.png", "flops.svg", "seconds.svg", "bins.png"}


@pytest.mark.usefixtures("_no_models")
def test_files_that_cannot_be_written_are_reported_first(call: Call, sums: Path, tmp_path: Path) -> None:
    code, _, err = call("eval", "--data", sums, "--report", tmp_path / "r.pdf")
    assert (code, ".md or .html" in err) == (2, True)
    code, _, err = call("eval", "--data", sums, "--plots", sums)
    assert (code, "is a file" in err) == (2, True)
    code, _, err = call("eval", "--data", sums, "--plots", sums / "plots")
    assert (code, "Cannot write" in err) == (2, True)
    code, _, err = call("eval", "--data", sums, "--report", tmp_path / "nowhere" / "r.md")
    assert (code, "r.md: No such file" in err) == (2, True)


@pytest.mark.usefixtures("_no_models")
def test_without_matplotlib_the_extra_is_named_first(
    call: Call, sums: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "matplotlib", None)
    code, _, err = call("eval", "--data", sums, "--report", tmp_path / "r.md")
    assert (code, "its-graph[plots]" in err) == (2, True)


def test_problems_are_written_as_eval_reads_them(call: Call, sums: Path, tmp_path: Path) -> None:
    code, out, _ = call("problems", sums, "--limit", 2)
    rows = [json.loads(line) for line in out.splitlines()]
    assert (code, rows) == (
        0,
        [{"problem": f"Add {one}, 5, 4, 2.", "answer": f"{one + 11}", "level": one} for one in (0, 1)],
    )
    path = tmp_path / "fresh.jsonl"
    assert call("problems", "--limit", 3, "--seed", 4, "--out", path).code == 0
    assert call("problems", path).out == call("problems", "embedded", "--limit", 3, "--seed", 4).out
    assert call("problems", "absent.jsonl").code == 2
