"""`its-graph eval-sizes`: a small toy model that searches against a larger one that never errs."""

import errno
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from its_graph.cli.runs.models import ModelOptions
from its_graph.contracts import Generator, Verifier
from its_graph.testing import ToyGenerator, ToyVerifier

Call = Callable[..., Any]


@pytest.fixture
def sums(tmp_path: Path) -> Path:
    rng = random.Random(5)
    terms = [[rng.randint(1, 9) for _ in range(4)] for _ in range(20)]
    path = tmp_path / "sums.jsonl"
    rows = [{"problem": f"Add {', '.join(map(str, one))}.", "answer": sum(one)} for one in terms]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.fixture
def sizes(call: Call, monkeypatch: pytest.MonkeyPatch, sums: Path) -> Call:
    """Run the command: 1,000 parameters against 4,000."""

    def load(options: ModelOptions) -> tuple[Generator, Verifier | None]:
        return ToyGenerator(0.4, parameters=1_000 if options.model is None else 4_000), ToyVerifier(parameters=1_000)

    monkeypatch.setattr(ModelOptions, "load", load)
    return lambda *arguments: call("eval-sizes", "--data", sums, "--n", "2,4,8", *arguments)


def test_rows_hold_both_models_by_ratio_and_bin(sizes: Call) -> None:
    done = sizes("--json", "--ratios", "0.79,22")
    assert done.code == 0
    output = json.loads(done.out)
    assert output["size"] == 4.0
    whole = [row for row in output["rows"] if row["bin"] is None]
    # Greedy, the larger model writes what the small one writes, so an answer of it costs 4 of those.
    assert [row["multiplier"] for row in whole] == pytest.approx([4 + 9 / 0.79, 4 + 9 / 22], rel=0.02)
    for row in output["rows"]:
        assert row["larger"] == 1.0  # greedy, the toy model makes no mistake
        assert row["gain"]["mean"] == pytest.approx(row["search"] - row["larger"])
    for ratio in (0.79, 22.0):
        bins = [row["problems"] for row in output["rows"] if row["ratio"] == ratio and row["bin"] is not None]
        assert len(bins) > 1
        assert sum(bins) == 20
    assert whole[0]["search"] >= whole[0]["single"]


def test_the_table_and_the_plot(sizes: Call, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="the extra `plots` draws the picture")
    done = sizes("--plots", tmp_path / "plots")
    assert done.code == 0
    assert "Small model with search: 1,000 parameters. Larger model: 4,000 (4.0x)." in done.out
    assert {path.name for path in (tmp_path / "plots").iterdir()} == {"matched.png", "matched.svg"}


@pytest.mark.parametrize(("name", "output"), [("sums.jsonl", "is a file. Give"), ("sums.jsonl/plots", "Cannot write")])
def test_a_plot_that_cannot_be_written_is_reported_before_a_model_is_loaded(
    call: Call, sums: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, output: str
) -> None:
    pytest.importorskip("matplotlib", reason="the extra `plots` draws the picture")
    monkeypatch.setattr(ModelOptions, "load", lambda options: pytest.fail("a model was loaded"))
    done = call("eval-sizes", "--data", sums, "--plots", tmp_path / name)
    assert (done.code, output in done.err) == (2, True)


def test_the_table_is_printed_even_if_the_plot_fails(
    sizes: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("matplotlib", reason="the extra `plots` draws the picture")

    def full(*given: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("its_graph.cli.commands.eval_sizes.save_plots", full)
    done = sizes("--json", "--plots", tmp_path / "plots")
    assert (done.code, json.loads(done.out)["size"]) == (2, 4.0)
    assert f"Cannot write {tmp_path / 'plots'}: No space left" in done.err


def test_a_run_resumes_from_its_file(sizes: Call, tmp_path: Path) -> None:
    outcomes = tmp_path / "outcomes.jsonl"
    first = sizes("--json", "--outcomes", outcomes)
    lines = outcomes.read_text()
    assert sizes("--json", "--outcomes", outcomes).out == first.out
    assert outcomes.read_text() == lines


@pytest.mark.parametrize(
    ("arguments", "output"),
    [
        (("--ratios", "much"), "--ratios must be a comma-separated list of numbers; got 'much'"),
        (("--ratios", "0"), "inference / training above 0"),
        (("--strategies", "none_such"), "Unknown strategy 'none_such'"),
    ],
)
def test_invalid_options_are_reported(sizes: Call, arguments: tuple[str, ...], output: str) -> None:
    done = sizes(*arguments)
    assert done.code == 2
    assert output in done.err


def test_the_larger_model_must_be_larger(call: Call, sums: Path, tmp_path: Path) -> None:
    outcomes = tmp_path / "outcomes.jsonl"
    done = call("eval-sizes", "--data", sums, "--n", "4", "--outcomes", outcomes)
    assert done.code == 2
    assert "--larger must have more parameters than --model; got 1,000 and 1,000." in done.err
    assert {json.loads(line)["run"]["strategy"] for line in outcomes.read_text().splitlines()} == {"single"}
