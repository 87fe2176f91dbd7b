"""`its-graph eval` over a grid: several n and budgets in one run, its files, and resuming after a kill."""

import errno
import io
import json
import random
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from its_graph.budget import Spend
from its_graph.catalog.strategy_config import StrategyConfig
from its_graph.cli.runs.evaluation_run import ResultsStore, RunOptions, run_cells
from its_graph.cli.runs.models import ModelOptions
from its_graph.contracts import Generator, SampleRequest, Verifier
from its_graph.errors import InputError
from its_graph.evaluation import GridCell, Outcome, Problem
from its_graph.routing.policy import Policy
from its_graph.routing.regressor import Regressor
from its_graph.testing import ScriptedGenerator, ToyGenerator, ToyVerifier

Call = Callable[..., Any]


@pytest.fixture
def sums(tmp_path: Path) -> Path:
    rng = random.Random(11)
    terms = [[rng.randint(1, 9) for _ in range(4)] for _ in range(30)]
    rows = [{"problem": f"Add {', '.join(map(str, one))}.", "answer": sum(one)} for one in terms]
    path = tmp_path / "sums.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def rows_of(out: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads(out)
    return rows


def lines_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def answered(index: int, problem: Problem) -> Outcome:
    return Outcome(
        index=index,
        problem=problem.problem,
        expected=problem.answer,
        answer=problem.answer,
        correct=True,
        candidates=1,
        correct_candidates=1,
        finished=1,
        correct_finished=1,
        spend=Spend(calls=1),
        seconds=0.1,
        seed=0,
    )


def test_every_strategy_is_measured_at_every_n(call: Call, sums: Path) -> None:
    names = "single,self_consistency,best_of_n"
    rows = rows_of(call("eval", "--strategies", names, "--n", "1,2,4", "--data", sums, "--json").out)
    grid = [("single", 1), *((name, n) for name in names.split(",")[1:] for n in (1, 2, 4))]
    assert [(row["strategy"], row["n"]) for row in rows] == grid
    assert [row["mean_generated_tokens"] for row in rows] == [16, 16, 32, 64, 16, 32, 64]
    assert [row["reused"] > 0 for row in rows] == [True, True, True, False, True, True, True]
    assert rows[6]["majority"] == rows[3]["accuracy"]
    assert rows[6]["mean_verifier_flops"] + 2 * 1000 * (4 * 5 + 64) == rows[6]["mean_flops"]


def test_budgets_make_a_grid_too(call: Call, sums: Path) -> None:
    command = ("eval", "--strategies", "single,best_of_n", "--n", "4", "--data", sums, "--json")
    rows = rows_of(call(*command, "--budget-tokens", "30,100,1000").out)
    assert [row["budget_tokens"] for row in rows] == [30, 100, 1000] * 2
    for row in rows:
        tokens = sum(row[f"mean_{kind}_tokens"] for kind in ("prompt", "generated", "verifier"))
        assert tokens <= row["budget_tokens"]
    assert rows[3]["accuracy"] < rows[5]["accuracy"]


def test_the_table_distinguishes_rows_and_reports_what_reuse_saves(call: Call, sums: Path) -> None:
    out = call("eval", "--strategies", "best_of_n", "--n", "1,2", "--budget-tokens", "90,1000", "--data", sums).out
    assert all(re.search(rf"best_of_n {n} <={tokens} ", out) for n in (1, 2) for tokens in (90, 1000))
    assert re.search(r"[\d,]+ of [\d,]+ calls \(\d+%\) reused a sample", " ".join(out.split()))


def test_infeasible_cells_are_skipped_and_reported(call: Call, sums: Path) -> None:
    command = ("eval", "--strategies", "single,beam_search", "--n", "2,4,8", "--data", sums, "--limit", 2, "--json")
    _, out, err = call(*command)
    assert [(row["strategy"], row["n"]) for row in rows_of(out)] == [
        ("single", 1),
        ("beam_search", 4),
        ("beam_search", 8),
    ]
    assert "Skipped beam_search n=2: " in err


def test_without_reuse_every_search_has_a_time(call: Call, sums: Path) -> None:
    command = ("eval", "--strategies", "self_consistency", "--n", "1,2", "--data", sums, "--limit", 3, "--json")
    assert [row["reused"] for row in rows_of(call(*command, "--no-reuse").out)] == [0, 0]


def test_times_are_measured_where_a_file_has_none(call: Call, sums: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    command = ("eval", "--strategies", "self_consistency", "--n", "1,2", "--data", sums, "--limit", 3, "--out", out)
    call(*command)
    rows = rows_of(call(*command, "--no-reuse", "--json").out)
    assert [(row["problems"], row["reused"]) for row in rows] == [(3, 0), (3, 0)]
    assert len(lines_of(out)) == 2 * 3 + 3
    assert rows_of(call(*command, "--json").out) == rows


def test_failures_are_reported_with_the_first_error(call: Call, tmp_path: Path) -> None:
    path = tmp_path / "odd.jsonl"
    path.write_text('{"problem": "Add 1, 2.", "answer": "3"}\n{"problem": "nothing", "answer": "0"}\n')
    code, out, err = call("eval", "--strategies", "single", "--data", path, "--json")
    assert (code, rows_of(out)[0]["failed"]) == (0, 1)
    assert "single: 1 of 2 searches failed. First error: " in err


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("--n", "1,x"), "--n must be a comma-separated list of integers >= 0; got '1,x'"),
        (("--n", ""), "--n must be a comma-separated list of integers >= 0; got ''"),
        (("--budget-tokens", "few"), "--budget-tokens must be a comma-separated list of integers >= 0; got 'few'"),
        (
            ("--budget-tokens", "100,-5"),
            "--budget-tokens must be a comma-separated list of integers >= 0; got",
        ),
        (("--strategies", "best_of_n", "--n", "0"), "n=0"),
        (("--strategies", "best_of_n", "--model", "."), "needs a verifier"),
        (("--strategies", "beam_search", "--set", "depth=3"), "unknown option 'depth' in --set"),
        (("--out", "nowhere/out.jsonl"), "Cannot write nowhere/out.jsonl: No such file"),
        (("--out", "/dev/zero"), "/dev/zero is not a regular file"),
        (("--samples", "nowhere/samples.jsonl"), "Cannot write nowhere/samples.jsonl: No such file"),
        (("--data", "absent.jsonl"), "file not found: 'absent.jsonl'"),
        (("--data", "reasoning-gym:no_such_task"), "no_such_task"),
    ],
)
def test_invalid_options_are_reported_before_a_model_is_loaded(
    call: Call, sums: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], why: str
) -> None:
    def load(options: ModelOptions) -> tuple[Generator, Verifier | None]:
        raise AssertionError("a model was loaded")

    if "no_such_task" in arguments[1]:
        pytest.importorskip("reasoning_gym")
    monkeypatch.setattr(ModelOptions, "load", load)
    code, _, err = call("eval", *(() if "--data" in arguments else ("--data", sums)), *arguments)
    assert code == 2
    assert why.lower() in err.lower()


def test_every_candidate_is_kept(call: Call, sums: Path, tmp_path: Path) -> None:
    out, samples = tmp_path / "out.jsonl", tmp_path / "samples.jsonl"
    command = ("eval", "--strategies", "single,best_of_n", "--n", "2,4", "--data", sums, "--out", out)
    rows = rows_of(call(*command, "--samples", samples, "--json").out)
    stored = lines_of(samples)
    assert Counter(row["config"] for row in stored) == {"single": 30, "best_of_n n=2": 60, "best_of_n n=4": 120}
    first = next(row for row in stored if (row["config"], row["problem"], row["id"]) == ("best_of_n n=4", 0, "0"))
    assert first["text"].endswith(rf"\boxed{{{first['answer']}}}")
    assert first["tokens"] == 16
    right = sum(row["correct"] for row in stored if row["config"] == "best_of_n n=4")
    assert right / 120 == pytest.approx(rows[2]["random"])
    assert call(*command, "--samples", samples, "--json").code == 0
    assert lines_of(samples) == stored


def test_a_store_drops_the_texts_that_it_has_written(tmp_path: Path) -> None:
    cell, samples = GridCell(StrategyConfig(strategy="best_of_n", options={"n": 2})), tmp_path / "samples.jsonl"
    with closing(ResultsStore({cell: {}}, [Problem("Add 1, 2.", "3")], samples=samples)) as store:
        options = RunOptions(seed=0, concurrency=1, hide_progress=True)
        run_cells(store, ToyGenerator(), ToyVerifier(), [Problem("Add 1, 2.", "3")], options)
    (outcome,) = store.measured[cell]
    assert [(one.id, one.text) for one in outcome.samples] == [("0", ""), ("1", "")]
    assert all("boxed" in one["text"] for one in lines_of(samples))


def test_outcomes_are_in_the_order_of_the_problems_whichever_search_ended_first(tmp_path: Path) -> None:
    cell, out = GridCell(StrategyConfig(strategy="single")), tmp_path / "out.jsonl"
    problems = [Problem(f"Add {number}, 2.", str(number + 2)) for number in range(4)]
    with closing(ResultsStore({cell: {}}, problems, out)) as store:
        for index in (2, 0, 3):
            store.add(cell, answered(index, problems[index]))
        assert [one.index for one in store.measured[cell]] == [0, 2, 3]
    with closing(ResultsStore({cell: {}}, problems, out)) as store:
        store.add(cell, answered(1, problems[1]))
        assert [one.index for one in store.measured[cell]] == [0, 1, 2, 3]


def test_samples_of_stored_outcomes_are_written_without_their_texts(call: Call, sums: Path, tmp_path: Path) -> None:
    command = ("eval", "--strategies", "single", "--data", sums, "--limit", 2, "--out", tmp_path / "out.jsonl")
    call(*command)
    call(*command, "--samples", tmp_path / "samples.jsonl")
    stored = sorted((row["problem"], row["id"], row["text"]) for row in lines_of(tmp_path / "samples.jsonl"))
    assert stored == [(0, "0", None), (1, "0", None)]


def test_a_file_of_something_else_is_rejected_for_samples(call: Call, sums: Path, tmp_path: Path) -> None:
    other = tmp_path / "more sums.jsonl"
    other.write_bytes(sums.read_bytes())
    code, _, err = call("eval", "--data", sums, "--samples", other)
    assert code == 2
    assert "sums.jsonl, line 1 is not a sample" in err
    assert other.read_bytes() == sums.read_bytes()


def test_outcomes_of_older_files_are_used(call: Call, sums: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    command = ("eval", "--strategies", "best_of_n", "--n", 2, "--data", sums, "--limit", 4, "--out", out, "--json")
    call(*command)
    newer = ("majority_correct", "best_correct", "verifier_flops", "reused", "samples")
    older = lines_of(out)
    for line in older:
        for field in newer:
            del line["outcome"][field]
    out.write_text("".join(json.dumps(line) + "\n" for line in older))
    (row,) = rows_of(call(*command).out)
    assert len(lines_of(out)) == 4
    assert (row["problems"], row["majority"], row["mean_verifier_flops"]) == (4, None, None)


@pytest.mark.parametrize("flag", ["--out", "--samples"])
def test_a_full_disk_is_reported_and_the_run_resumes_from_what_was_written(
    call: Call, sums: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, flag: str
) -> None:
    path, opened = tmp_path / "out.jsonl", Path.open
    command = ("eval", "--strategies", "single", "--data", sums, flag, path, "--json")

    class SmallDisk(io.FileIO):
        def write(self, data: Any) -> int:
            if path.stat().st_size > 2_000:
                raise OSError(errno.ENOSPC, "No space left on device")
            return super().write(data)

    def on_it(self: Path, mode: str = "r", *arguments: Any, **options: Any) -> Any:
        if self == path and mode == "a+b":
            return io.BufferedRandom(SmallDisk(path, mode))
        return opened(self, mode, *arguments, **options)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "open", on_it)
        code, _, err = call(*command)
    assert (code, err.count("\n")) == (2, 1)
    assert f"Cannot write {path}: No space left on device. What was written before is kept" in err
    assert 0 < len(lines_of(path)) < 30
    assert call(*command).code == 0
    assert len(lines_of(path)) == 30


PROGRAM = """
import sys, time
from its_graph.cli import main
from its_graph.cli.runs.models import ModelOptions
from its_graph.testing import ScriptedGenerator, ToyGenerator, ToyVerifier

class Slow(ToyGenerator):
    def invoke(self, input, config=None, **kwargs):
        with open(sys.argv[1], "a") as asked:
            asked.write(str(input.messages[-1]["content"]) + chr(10))
        time.sleep(0.002)
        return super().invoke(input, config, **kwargs)

ModelOptions.load = lambda options: (Slow(0.3, parameters=10), ToyVerifier(parameters=3))
sys.exit(main.run(sys.argv[2:]))
"""


def test_a_killed_run_resumes_without_repeating_a_finished_problem(sums: Path, tmp_path: Path) -> None:
    asked, out = tmp_path / "asked.txt", tmp_path / "out.jsonl"
    files = ("--data", str(sums), "--out", str(out), "--samples", str(tmp_path / "samples.jsonl"))
    grid = ("--strategies", "self_consistency,best_of_n", "--n", "1,4", "--concurrency", "2", "--json")
    command = [sys.executable, "-c", PROGRAM, str(asked), "eval", *grid, *files]
    killed = subprocess.Popen(command, stdout=subprocess.DEVNULL, cwd=Path(__file__).parents[3])
    deadline = time.monotonic() + 120
    while (not out.exists() or out.read_text().count("\n") < 30) and time.monotonic() < deadline:
        time.sleep(0.01)
    killed.send_signal(signal.SIGKILL)
    assert killed.wait() == -signal.SIGKILL
    done = Counter(json.loads(line)["outcome"]["index"] for line in out.read_text().split("\n")[:-1])
    finished = {index for index, settings in done.items() if settings == 4}
    assert 5 <= len(finished) < 30
    before = asked.read_text().count("\n")
    again = subprocess.run(command, capture_output=True, text=True, check=True, cwd=Path(__file__).parents[3])
    assert [row["problems"] for row in rows_of(again.stdout)] == [30] * 4
    problems = [row["problem"] for row in lines_of(sums)]
    repeated = Counter(problems.index(text) for text in asked.read_text().splitlines()[before:])
    assert not finished & set(repeated)
    assert sum(repeated.values()) <= 4 * (30 - len(finished))
    lines = lines_of(out)
    assert len(lines) == len({(json.dumps(one["run"]), one["outcome"]["index"]) for one in lines}) == 30 * 4
    assert len(lines_of(tmp_path / "samples.jsonl")) == 30 * (1 + 4) * 2


def test_the_rows_after_a_kill_are_those_of_one_run(call: Call, sums: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    command = ("eval", "--strategies", "best_of_n", "--n", "1,4", "--data", sums, "--json")
    whole = rows_of(call(*command).out)
    call(*command, "--out", out)
    lines = out.read_bytes().splitlines(keepends=True)
    out.write_bytes(b"".join(lines[:20]) + lines[20][:50])
    resumed = rows_of(call(*command, "--out", out).out)
    timeless = {"seconds", "reused"}
    assert [{key: row[key] for key in row if key not in timeless} for row in resumed] == [
        {key: row[key] for key in row if key not in timeless} for row in whole
    ]


def test_a_system_prompt_is_sent_and_distinguishes_runs(call: Call, tmp_path: Path) -> None:
    data, out = tmp_path / "sums.jsonl", tmp_path / "outcomes.jsonl"
    data.write_text('{"problem": "Add 3, 5, 4.", "answer": "12"}\n')
    grid = ("eval", "--data", data, "--strategies", "single", "--out", out, "--json")
    plain = json.loads(call(*grid).out)[0]
    prompted = json.loads(call(*grid, "--system", "Think step by step.").out)[0]
    assert prompted["mean_prompt_tokens"] == plain["mean_prompt_tokens"] + 4
    runs = [json.loads(line)["run"] for line in out.read_text().splitlines()]
    assert [run.get("system") for run in runs] == [None, "Think step by step."]


def routed_to(path: Path, *labels: str, regressor: Regressor | None = None) -> Path:
    """Write a policy of one budget that knows a setting for each bin."""
    settings = [
        StrategyConfig(strategy=name, options={"n": int(n)} if n else {})
        for name, _, n in (one.partition(" ") for one in labels)
    ]
    policy = Policy(
        estimator="learned" if regressor else "text",
        pilots=0,
        unit="tokens",
        thresholds=tuple(place / len(labels) for place in range(1, len(labels))),
        budgets=(1.0,),
        table=tuple((setting,) for setting in settings),
        regressor=regressor,
    )
    policy.save(path)
    return path


def test_a_policy_by_learned_difficulty_is_evaluated(
    call: Call, sums: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("numpy", reason="the extra allocation is not installed")
    signs = Regressor(means=(0.0,), scales=(1.0,), weights=(1.0,), bias=0.0)
    policy = routed_to(tmp_path / "policy.json", "single", "best_of_n 3", regressor=signs)
    command = ("eval", "--strategies", "compute_optimal", "--set", f"policy={policy}", "--data", sums, "--json")
    code, _, err = call(*command)
    assert (code, "has no method `embed`" in err) == (2, True)
    asked: list[str] = []

    class Reader(ToyGenerator):
        def embed(self, texts: list[str]) -> list[list[float]]:
            asked.extend(texts)
            return [[1.0 if len(asked) > 15 else -1.0] for _ in texts]

    monkeypatch.setattr(ModelOptions, "load", lambda options: (Reader(), ToyVerifier()))
    (row,) = rows_of(call(*command, "--concurrency", 1).out)
    assert len(asked) == 30
    assert row["mean_generated_tokens"] == (15 * 16 + 15 * 3 * 16) / 30


def test_outcomes_of_a_policy_are_those_of_its_content(call: Call, sums: Path, tmp_path: Path) -> None:
    path, out = tmp_path / "policy.json", tmp_path / "out.jsonl"
    command = ("eval", "--strategies", "compute_optimal", "--set", f"policy={path}", "--data", sums, "--limit", 2)

    def tokens() -> float:
        (row,) = rows_of(call(*command, "--out", out, "--json").out)
        return float(row["mean_generated_tokens"])

    routed_to(path, "single")
    assert (tokens(), tokens(), len(lines_of(out))) == (16, 16, 2)
    routed_to(path, "best_of_n 2")
    assert (tokens(), len(lines_of(out))) == (32, 4)


def test_a_data_set_that_cannot_be_written_is_reported_in_one_line(call: Call, sums: Path, tmp_path: Path) -> None:
    done = call("problems", sums, "--out", tmp_path / "none" / "problems.jsonl")
    assert (done.code, done.err.count("\n")) == (2, 1)
    assert "Cannot write" in done.err


def test_a_failed_search_is_retried_unless_its_question_was_rejected(
    call: Call, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path, out = tmp_path / "odd.jsonl", tmp_path / "out.jsonl"
    questions = ("Add 1, 2.", "A poem.", "Add 2, 2.")
    path.write_text("".join(json.dumps({"problem": one, "answer": "3"}) + "\n" for one in questions))
    toy, down = ToyGenerator(), True

    def script(request: SampleRequest) -> Any:
        asked = str(request.messages[-1]["content"])
        if "poem" in asked:
            raise InputError("Only sums.")
        if down and "2, 2" in asked:
            raise RuntimeError("out of order")
        return toy.script(request)

    generator = ScriptedGenerator(script)
    monkeypatch.setattr(ModelOptions, "load", lambda options: (generator, None))
    command = ("eval", "--strategies", "single", "--data", path, "--out", out, "--json")
    assert [row["failed"] for row in rows_of(call(*command).out)] == [2]
    down, asked = False, len(generator.requests)
    for _ in range(2):
        rows = rows_of(call(*command).out)
        assert [(row["problems"], row["failed"]) for row in rows] == [(3, 1)]
        assert len(generator.requests) == asked + 1
    assert sorted(row["outcome"]["refused"] for row in lines_of(out)) == [False, False, False, True]
