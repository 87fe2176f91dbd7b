"""`its-graph eval` with toy models."""

import json
import os
import random
import re
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from its_graph.cli.main import app
from its_graph.cli.runs.models import ModelOptions
from its_graph.contracts import Generator, SampleRequest, Verifier
from its_graph.testing import ScriptedGenerator, ToyGenerator, ToyVerifier

Eval = Callable[..., Result]


def toy_problems(n: int) -> Iterator[tuple[str, str]]:
    """Sums of four numbers: three steps each."""
    rng = random.Random(11)
    for _ in range(n):
        terms = [rng.randint(1, 9) for _ in range(4)]
        yield f"Add {', '.join(map(str, terms))}.", str(sum(terms))


@pytest.fixture
def data(tmp_path: Path) -> Path:
    path = tmp_path / "sums.jsonl"
    rows = [{"id": number, "problem": text, "answer": total} for number, (text, total) in enumerate(toy_problems(60))]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.fixture
def generator() -> ScriptedGenerator:
    return ToyGenerator(0.3, parameters=10)


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, generator: ScriptedGenerator) -> Eval:
    def load(options: ModelOptions) -> tuple[Generator, Verifier | None]:
        return generator, ToyVerifier(parameters=3)

    monkeypatch.setattr(ModelOptions, "load", load)
    return lambda *arguments: CliRunner().invoke(app, ["eval", *map(str, arguments)])


def rows_of(result: Result) -> list[dict[str, Any]]:
    assert result.exit_code == 0, result.output
    rows: list[dict[str, Any]] = json.loads(result.stdout)
    return rows


def test_json_rows_in_the_order_asked_for(run: Eval, data: Path) -> None:
    names = "best_of_n,single,self_consistency,beam_search,dvts"
    result = run("--strategies", names, "--n", 8, "--data", data, "--seed", 12345, "--json")
    rows = rows_of(result)
    assert result.stderr == ""
    assert ",".join(row["strategy"] for row in rows) == names
    accuracy = {row["strategy"]: row["accuracy"] for row in rows}
    assert accuracy["single"] < accuracy["self_consistency"] < accuracy["best_of_n"]
    for row in rows:
        assert row["ci95"][0] <= row["accuracy"] <= row["ci95"][1]
        assert row["problems"] == 60
        assert row["failed"] == 0
        assert row["n"] == (1 if row["strategy"] == "single" else 8)
        assert row["mean_generated_tokens"] > 0
        assert row["mean_flops"] > 0
    assert (rows[1]["pass_at_n"], rows[1]["random"]) == (None, None)
    assert rows[0]["pass_at_n"] >= rows[0]["accuracy"] > rows[0]["random"]
    assert "difference" not in rows[0]
    assert [row["difference"]["baseline"] for row in rows[1:]] == names.split(",")[:-1]
    assert rows[1]["difference"]["mean"] == pytest.approx(accuracy["single"] - accuracy["best_of_n"])
    assert rows[1]["difference"]["ci95"][0] < rows[1]["difference"]["mean"] < rows[1]["difference"]["ci95"][1] < 0


def test_the_same_seed_gives_the_same_rows(run: Eval, data: Path) -> None:
    def without_time(*arguments: object) -> list[dict[str, Any]]:
        rows = rows_of(run("--strategies", "single", "--data", data, "--json", *arguments))
        return [{key: value for key, value in row.items() if key != "seconds"} for row in rows]

    assert without_time("--seed", 1) == without_time("--seed", 1, "--concurrency", 1)
    assert without_time("--seed", 1) != without_time("--seed", 2)


def test_tables_for_people_fit_80_columns(run: Eval, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    result = run("--strategies", "self_consistency,best_of_n", "--n", 4, "--data", data, "--limit", 20)
    assert result.exit_code == 0
    assert "\\" not in result.stdout
    assert max(map(len, result.stdout.splitlines())) <= 80
    quality, cost = (part.splitlines() for part in result.stdout.split("compute"))
    (first,) = [line for line in quality if line.startswith(" self_consistency")]
    (second,) = [line for line in quality if line.startswith(" best_of_n")]
    assert re.fullmatch(r" self_consistency +[\d.]+ \[[\d.]+, [\d.]+\] +[\d.]+ +[\d.]+ *", first)
    assert re.search(r"\+[\d.]+ \[[-+][\d.]+, \+[\d.]+\]", second)
    (spent,) = [line for line in cost if line.startswith(" best_of_n")]
    assert re.search(r" 4 +20 \+ 64 \+ \d+ +[\d.]+ kFLOP .* 0 *$", spent)


def test_embedded_problems_come_from_the_test_split(
    run: Eval, monkeypatch: pytest.MonkeyPatch, generator: ScriptedGenerator
) -> None:
    calls: list[tuple[int, int, str]] = []

    def problems(n: int, *, seed: int, split: str) -> Iterator[tuple[str, str]]:
        calls.append((n, seed, split))
        return toy_problems(n)

    monkeypatch.setattr("its_graph.embedded.problems", problems, raising=False)
    rows = rows_of(run("--strategies", "single", "--limit", 7, "--seed", 9, "--json"))
    assert calls == [(7, 9, "test")]
    assert rows[0]["problems"] == 7
    rows_of(run("--strategies", "single", "--json"))
    assert calls[1] == (200, 0, "test")


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("{broken", "not JSON"),
        ('{"problem": "Add 1, 2."}', '"problem" and "answer"'),
        ('{"problem": " ", "answer": "3"}', '"problem" and "answer"'),
        ('{"problem": "Add 1, 2.", "answer": true}', '"problem" and "answer"'),
        ("[1]", '"problem" and "answer"'),
    ],
)
def test_a_bad_line_is_named(run: Eval, tmp_path: Path, line: str, why: str) -> None:
    path = tmp_path / "bad.jsonl"
    path.write_text('{"problem": "Add 1, 2.", "answer": 3}\n\n' + line + "\n")
    result = run("--strategies", "single", "--data", path)
    assert result.exit_code == 2
    assert "bad.jsonl, line 3" in result.stderr
    assert why in result.stderr


def test_text_that_is_not_utf8_is_a_bad_line(run: Eval, tmp_path: Path) -> None:
    path = tmp_path / "latin.jsonl"
    path.write_bytes(b'{"problem": "caf\xe9", "answer": "1"}\n')
    result = run("--data", path)
    assert result.exit_code == 2
    assert "latin.jsonl, line 1" in result.stderr


def test_an_empty_file_is_refused(run: Eval, tmp_path: Path) -> None:
    path = tmp_path / "none.jsonl"
    path.write_text("\n")
    result = run("--data", path)
    assert result.exit_code == 2
    assert "no problem" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("--strategies", "guess"), "Unknown strategy 'guess'"),
        (("--strategies", "best_of_n", "--n", "0"), "n=0"),
        (("--budget-tokens", "10000000000000000000"), "must be a comma-separated list of integers"),
        (("--strategies", "beam_search", "--n", "8", "--width", "3"), "width"),
    ],
)
def test_impossible_options_are_explained(run: Eval, data: Path, arguments: tuple[str, ...], why: str) -> None:
    result = run("--data", data, *arguments)
    assert result.exit_code == 2
    assert why in result.stderr


def test_a_second_run_resumes_the_first(run: Eval, data: Path, tmp_path: Path, generator: ScriptedGenerator) -> None:
    out = tmp_path / "outcomes.jsonl"
    command = ("--strategies", "single", "--data", data, "--out", out, "--json")
    first = rows_of(run(*command, "--limit", 5))
    assert len(generator.requests) == len(out.read_text().splitlines()) == 5
    rows = rows_of(run(*command, "--limit", 12))
    assert len(generator.requests) == len(out.read_text().splitlines()) == 12
    assert rows[0]["problems"] == 12
    assert rows_of(run(*command, "--limit", 5)) == first
    assert len(generator.requests) == 12


def test_other_options_are_another_run(run: Eval, data: Path, tmp_path: Path, generator: ScriptedGenerator) -> None:
    command = (
        "--strategies",
        "self_consistency",
        "--data",
        data,
        "--out",
        tmp_path / "o.jsonl",
        "--limit",
        3,
        "--json",
    )
    rows_of(run(*command, "--n", 2))
    rows_of(run(*command, "--n", 3))
    rows_of(run(*command, "--n", 3, "--seed", 1))
    rows_of(run(*command, "--n", 3, "--temperature", 1.0))
    assert len(generator.requests) == 3 * (2 + 3 + 3 + 3)


def test_another_problem_under_the_same_number_is_run(
    run: Eval, data: Path, tmp_path: Path, generator: ScriptedGenerator
) -> None:
    command = ("--strategies", "single", "--data", data, "--out", tmp_path / "o.jsonl", "--limit", 3)
    run(*command)
    lines = data.read_text().splitlines(keepends=True)
    data.write_text(lines[0] + lines[30] + lines[2])
    run(*command)
    assert len(generator.requests) == 4


def test_a_torn_last_line_is_run_again(run: Eval, data: Path, tmp_path: Path, generator: ScriptedGenerator) -> None:
    out = tmp_path / "o.jsonl"
    command = ("--strategies", "single", "--data", data, "--out", out, "--limit", 4, "--concurrency", 1, "--json")
    first = rows_of(run(*command))
    whole = out.read_bytes()
    out.write_bytes(whole[:-20])
    second = rows_of(run(*command))
    assert len(generator.requests) == 5
    assert len(out.read_text().splitlines()) == 4
    assert second[0]["accuracy"] == first[0]["accuracy"]


def test_a_file_of_something_else_is_not_written_to(run: Eval, data: Path, tmp_path: Path) -> None:
    before, other = data.read_bytes(), tmp_path / "more sums.jsonl"
    other.write_bytes(before)
    result = run("--strategies", "single", "--data", data, "--out", other)
    assert result.exit_code == 2
    assert "sums.jsonl, line 1" in result.stderr
    assert other.read_bytes() == before


@pytest.mark.parametrize("generator", [ScriptedGenerator(lambda request: str(1 / 0))])
def test_failed_searches_are_counted(run: Eval, data: Path) -> None:
    result = run("--strategies", "single", "--data", data, "--limit", 3, "--json")
    (row,) = json.loads(result.stdout)
    assert (row["failed"], row["accuracy"], result.exit_code) == (3, 0.0, 1)


def test_ctrl_c_prints_the_results_so_far(
    run: Eval, data: Path, tmp_path: Path, generator: ScriptedGenerator, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = generator.script

    def interrupted(request: SampleRequest) -> Any:
        if len(generator.requests) == 70:
            os.kill(os.getpid(), signal.SIGINT)
        return script(request)

    generator.script = interrupted
    out = tmp_path / "o.jsonl"
    command = ("--strategies", "single,self_consistency,best_of_n", "--n", 4, "--data", data, "--out", out, "--json")
    result = run(*command, "--concurrency", 2)
    assert result.exit_code == 130
    rows = json.loads(result.stdout)
    assert [row["strategy"] for row in rows] == ["single", "self_consistency", "best_of_n"]
    # Four samples serve all three searches of a problem: the 70th is drawn for the 18th problem.
    assert all(14 <= row["problems"] <= 19 for row in rows)
    generator.script = script
    assert [row["problems"] for row in rows_of(run(*command))] == [60, 60, 60]
