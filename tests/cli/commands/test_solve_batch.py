"""`its-graph solve-batch` with toy models."""

import json
import os
import random
import re
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from its_graph.catalog.strategy_config import StrategyConfig
from its_graph.cli.main import app
from its_graph.cli.runs.models import ModelOptions
from its_graph.contracts import Generator, SampleRequest, Verifier
from its_graph.errors import InputError
from its_graph.routing.policy import Policy, PolicyPoint
from its_graph.testing import ScriptedGenerator, ToyGenerator, ToyVerifier

Run = Callable[..., Result]


def write(path: Path, problems: int, **extra: Any) -> Path:
    rng = random.Random(11)
    rows = []
    for number in range(problems):
        terms = [rng.randint(1, 9) for _ in range(4)]
        rows.append({"id": f"q{number}", "problem": f"Add {', '.join(map(str, terms))}.", "answer": sum(terms)} | extra)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return write(tmp_path / "sums.jsonl", 30)


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "answers.jsonl"


@pytest.fixture
def generator() -> ScriptedGenerator:
    return ToyGenerator(0.4, parameters=10)


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, generator: ScriptedGenerator) -> Run:
    def load(options: ModelOptions) -> tuple[Generator, Verifier | None]:
        return generator, ToyVerifier(parameters=3) if options.model is None else None

    monkeypatch.setattr(ModelOptions, "load", load)
    return lambda *arguments: CliRunner().invoke(app, ["solve-batch", *map(str, arguments)])


def test_one_line_for_each_problem_and_a_summary(run: Run, data: Path, out: Path) -> None:
    result = run(data, "--budget-tokens", "6e3", "--out", out)
    assert result.exit_code == 0, result.output
    rows = lines(out)
    assert sorted(row["id"] for row in rows) == sorted(f"q{number}" for number in range(30))
    assert set(rows[0]) == {"id", "answer", "text", "score", "samples", "tokens", "stop_reason", "spend", "correct"}
    spent = sum(row["tokens"] for row in rows)
    assert 5_700 < spent <= 6_000
    right = sum(row["correct"] for row in rows)
    assert f"accuracy  {right / 30:.1%} [" in result.stdout
    assert re.search(rf"answered  30 of 30 problems\n.*\nsamples +\d+ .*\nspend +{spent:,} tokens\n", result.stdout)


@pytest.mark.parametrize("plan", ["uniform", "hardest_first", "beta_greedy", "adaptive"])
def test_every_plan_as_json(run: Run, data: Path, out: Path, plan: str) -> None:
    result = run(data, "--budget-calls", "200", "--out", out, "--plan", plan, "--solved", "0.85", "--json")
    assert result.exit_code == 0, result.output
    assert result.stderr == ""
    summary = json.loads(result.stdout)
    assert (summary["problems"], summary["answered"]) == (30, 30)
    assert sum(row["spend"]["calls"] for row in lines(out)) <= 200
    assert summary["accuracy"] > 0.3


def test_a_policy_is_a_plan(run: Run, data: Path, out: Path, tmp_path: Path) -> None:
    points = [
        PolicyPoint(
            config=StrategyConfig(strategy="best_of_n", options={"n": n}), accuracy=accuracy, cost=n, problems=9
        )
        for n, accuracy in ((1, 0.3), (4, 0.8))
    ]
    policy = Policy(
        estimator="verifier",
        pilots=1,
        unit="tokens",
        thresholds=(),
        budgets=(100.0,),
        table=((points[0].config,),),
        curves=(tuple(points),),
    )
    policy.save(tmp_path / "policy.json")
    command = (data, "--budget-calls", 150, "--plan", "policy", "--policy", tmp_path / "policy.json", "--out")
    result = run(*command, out)
    assert result.exit_code == 0, result.output
    assert {1, 4} <= {row["samples"] for row in lines(out)} <= {1, 2, 3, 4}
    voted = run(*command, tmp_path / "voted.jsonl", "--strategy", "self_consistency")
    assert (voted.exit_code, "a self_consistency batch" in voted.stderr) == (2, True)


def test_votes_decide_without_a_verifier(run: Run, data: Path, out: Path) -> None:
    result = run(data, "--budget-tokens", "4_000", "--out", out, "--model", "folder")
    assert result.exit_code == 0, result.output
    assert {row["score"] for row in lines(out)} == {None}
    assert sum(row["spend"]["verifier_tokens"] for row in lines(out)) == 0


def test_problems_without_answers_and_with_their_own_ids(run: Run, tmp_path: Path, out: Path) -> None:
    path = tmp_path / "bare.jsonl"
    path.write_text('{"problem": "Add 1, 2."}\n\n{"problem": "Add 2, 2.", "id": 7}\n')
    result = run(path, "--budget-calls", 40, "--out", out)
    assert result.exit_code == 0, result.output
    assert "accuracy" not in result.stdout
    assert {row["id"] for row in lines(out)} == {0, 7}
    assert "correct" not in lines(out)[0]


def test_problems_are_read_as_eval_reads_them(run: Run, tmp_path: Path, out: Path) -> None:
    path = tmp_path / "gsm8k.jsonl"
    rows = [
        {"question": "Add 1, 2.", "answer": "First 1.\nThen 2.\n#### 3", "ID": "a"},
        {"problem": "Add 2, 2.", "solution": r"It is \boxed{4}."},
        {"Problem": "Add 2, 3."},
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert run(path, "--budget-calls", 60, "--out", out).exit_code == 0
    answers = {row["id"]: row for row in lines(out)}
    assert [(key, "correct" in answers[key]) for key in ("a", 1, 2)] == [("a", True), (1, True), (2, False)]
    assert answers["a"]["correct"] == (answers["a"]["answer"] == "3")


def test_the_system_prompt_is_sent_and_belongs_to_the_run(
    run: Run, data: Path, out: Path, generator: ScriptedGenerator
) -> None:
    command = (data, "--budget-tokens", "3e3", "--out", out)
    assert run(*command, "--system", "Be brief.").exit_code == 0
    assert {request.messages[0]["content"] for request in generator.requests} == {"Be brief."}
    other = run(*command)
    assert (other.exit_code, "system='Be brief.', now None" in other.stderr) == (2, True)


def test_other_weights_in_the_same_folder_are_another_run(run: Run, data: Path, out: Path, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    command = (data, "--budget-tokens", "3e3", "--out", out, "--model", folder)
    (folder / "model.safetensors").write_bytes(b"first")
    assert run(*command).exit_code == 0
    assert run(*command).exit_code == 0
    (folder / "model.safetensors").write_bytes(b"other")
    other = run(*command)
    assert (other.exit_code, "belongs to a run with model_weights=" in other.stderr) == (2, True)


def test_a_second_run_repeats_nothing(run: Run, data: Path, out: Path, generator: ScriptedGenerator) -> None:
    first = run(data, "--budget-tokens", "3e3", "--out", out, "--json")
    drawn = len(generator.requests)
    again = run(data, "--budget-tokens", "3e3", "--out", out, "--json")
    assert json.loads(again.stdout) == json.loads(first.stdout)
    assert len(generator.requests) == drawn
    more = write(data, 40)  # the same thirty, and ten more
    third = run(more, "--budget-tokens", "6e3", "--out", out, "--json")
    assert json.loads(third.stdout)["answered"] == 40
    assert sum(row["tokens"] for row in lines(out)) <= 6_000
    assert len(lines(out)) == 40


def test_problems_without_a_sample_are_tried_again_with_a_larger_budget(run: Run, data: Path, out: Path) -> None:
    few = json.loads(run(data, "--budget-tokens", 700, "--out", out, "--json").stdout)
    assert 0 < few["answered"] < 30
    assert len(lines(out)) == 30
    more = json.loads(run(data, "--budget-tokens", "6e3", "--out", out, "--json").stdout)
    assert more["answered"] == 30


def test_transient_failures_are_retried(
    run: Run, data: Path, out: Path, tmp_path: Path, generator: ScriptedGenerator
) -> None:
    script, never = generator.script, tmp_path / "never.jsonl"
    command = (data, "--budget-calls", 300, "--plan", "uniform", "--max-samples", 2, "--out")
    whole = run(*command, never)
    generator.script = lambda request: str(1 / 0)
    for _ in range(2):
        failed = run(*command, out)
        assert failed.exit_code == 1
        assert "answered  0 of 30 problems (30 failed)" in failed.stdout
        assert "30 of 30 problems failed. First error: " in failed.stderr
        assert failed.stderr.strip().count("\n") == 0
    generator.script = script
    retried = run(*command, out)
    assert (retried.exit_code, retried.stderr.strip()) == (0, "")
    assert re.findall("(?:answered|accuracy|samples) .*", retried.stdout) == re.findall(
        "(?:answered|accuracy|samples) .*", whole.stdout
    )
    newest = {row["id"]: row for row in lines(out)}
    assert {key: row["text"] for key, row in newest.items()} == {row["id"]: row["text"] for row in lines(never)}
    drawn = len(generator.requests)
    assert run(*command, out).stdout == retried.stdout
    assert len(generator.requests) == drawn


def test_failed_calls_still_count_against_the_budget(
    run: Run, data: Path, out: Path, generator: ScriptedGenerator
) -> None:
    script = generator.script
    generator.script = lambda request: str(1 / 0)
    command = (data, "--budget-calls", 120, "--max-samples", 1, "--plan", "uniform", "--out", out, "--json")
    run(*command)
    generator.script = script
    retried = json.loads(run(*command).stdout)
    assert (retried["answered"], retried["samples"]) == (15, 15)  # three calls of each had failed: 90 of 120


def test_a_rejected_question_is_not_tried_again(
    run: Run, tmp_path: Path, out: Path, generator: ScriptedGenerator
) -> None:
    script = generator.script

    def refusing(request: SampleRequest) -> Any:
        if "poem" in str(request.messages[-1]["content"]):
            raise InputError("Only sums.")
        return script(request)

    generator.script = refusing
    path = tmp_path / "mixed.jsonl"
    path.write_text('{"problem": "A poem."}\n{"problem": "Add 1, 2."}\n')
    command = (path, "--budget-calls", 60, "--max-samples", 2, "--plan", "uniform", "--out", out)
    first = run(*command)
    assert (first.exit_code, first.stderr.strip()) == (0, "1 of 2 problems failed. First error: Only sums.")
    assert {row["stop_reason"] for row in lines(out) if row["id"] == 0} == {"refused"}
    asked = len(generator.requests)
    again = run(*command)
    assert (again.exit_code, again.stdout, again.stderr) == (0, first.stdout, first.stderr)
    assert (len(generator.requests), len(lines(out))) == (asked, 2)


def test_another_run_does_not_write_into_the_file(run: Run, data: Path, out: Path, tmp_path: Path) -> None:
    assert run(data, "--budget-tokens", "3e3", "--out", out).exit_code == 0
    before = out.read_bytes()
    other = run(data, "--budget-tokens", "3e3", "--out", out, "--seed", 1)
    assert (other.exit_code, "seed=0, now 1" in other.stderr) == (2, True)
    write(data, 29)
    changed = run(data, "--budget-tokens", "3e3", "--out", out)
    assert (changed.exit_code, "not an answer to a problem of this batch" in changed.stderr) == (2, True)
    write(data, 30)
    out.with_name(out.name + ".journal").unlink()
    assert "is missing" in run(data, "--budget-tokens", "3e3", "--out", out).stderr
    itself = run(data, "--budget-tokens", "3e3", "--out", data)
    assert itself.exit_code == 2
    assert out.read_bytes() == before


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ((), "needs a budget"),
        (("--budget-tokens", "many"), "many"),
        (("--budget-tokens", "1.5"), "1.5"),
        (("--budget-flops", "inf"), "inf"),
        (("--budget-flops", "nan"), "nan"),
        (("--budget-flops", "-1"), "-1"),
        (("--budget-tokens", "inf"), "inf"),
        (("--budget-tokens", "1e19"), "1e19"),
        (("--budget-tokens", "9", "--plan", "adaptive", "--strategy", "self_consistency"), "no verifier"),
        (("--budget-tokens", "9", "--model", "x", "--strategy", "best_of_n"), "no verifier"),
        (("--budget-tokens", "9", "--pilots", "9", "--max-samples", "8"), "pilots=9"),
        (("--budget-tokens", "9", "--plan", "policy"), "--policy require each other"),
        (("--budget-tokens", "9", "--plan", "policy", "--policy", "none.json"), "File not found: 'none.json'"),
    ],
)
def test_impossible_options_are_explained(
    run: Run, data: Path, out: Path, arguments: tuple[str, ...], why: str
) -> None:
    result = run(data, "--out", out, *arguments)
    assert result.exit_code == 2
    assert why in result.stderr


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("{broken", "not JSON"),
        ('{"answer": "3"}', '"problem"'),
        ('{"problem": "Add 1, 2.", "id": [1]}', '"id"'),
        ('{"problem": "Add 1, 2.", "answer": true}', '"answer"'),
        ('{"problem": "Add 1, 2.", "id": "a"}', "'a' twice"),
    ],
)
def test_a_bad_line_is_named(run: Run, tmp_path: Path, out: Path, line: str, why: str) -> None:
    path = tmp_path / "bad.jsonl"
    path.write_text('{"problem": "Add 1, 2.", "id": "a"}\n' + line + "\n")
    result = run(path, "--budget-calls", 9, "--out", out)
    assert result.exit_code == 2
    assert "bad.jsonl" in result.stderr
    assert why in result.stderr


def test_a_file_that_cannot_be_written_is_reported_before_models_load(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ModelOptions, "load", lambda options: pytest.fail("a model was loaded"))
    for path, why in ((tmp_path / "no" / "folder.jsonl", "No such file"), ("/dev/full", "not a regular file")):
        result = CliRunner().invoke(app, ["solve-batch", str(data), "--budget-calls", "9", "--out", str(path)])
        assert result.exit_code == 2
        assert why in result.stderr


def interrupt(generator: ScriptedGenerator, request: int) -> Callable[[], None]:
    """Press Ctrl-C at a request; return what stops that."""
    script = generator.script

    def interrupted(asked: SampleRequest) -> Any:
        if len(generator.requests) == request:
            os.kill(os.getpid(), signal.SIGINT)
        return script(asked)

    generator.script = interrupted
    return lambda: setattr(generator, "script", script)


def test_ctrl_c_keeps_what_is_there(run: Run, data: Path, out: Path, generator: ScriptedGenerator) -> None:
    undo = interrupt(generator, 70)
    command = (data, "--budget-calls", 300, "--out", out, "--plan", "adaptive", "--solved", "0.85", "--json")
    result = run(*command, "--concurrency", 2)
    assert result.exit_code == 130
    assert 0 < json.loads(result.stdout)["answered"] == len(lines(out)) < 30
    undo()
    assert json.loads(run(*command).stdout)["answered"] == 30


def test_a_batch_without_an_answer_yet_reports_what_it_spent(
    run: Run, data: Path, out: Path, generator: ScriptedGenerator
) -> None:
    undo = interrupt(generator, 40)
    command = (data, "--budget-tokens", "6e3", "--out", out, "--concurrency", 4)
    result = run(*command)
    assert (result.exit_code, lines(out)) == (130, [])
    match = re.search(
        r"answered +0 of .*\n(?:.*\n)?spend +([\d,]+) tokens\nlost +at most ([\d,]+) tokens", result.stdout
    )
    assert match, result.stdout
    spent, lost = (int(number.replace(",", "")) for number in match.groups())
    journal = lines(out.with_name(out.name + ".journal"))
    charges = [charge for line in journal if "add" in line for charge in line["logs"]["charges"].values()]
    tokens = ("prompt_tokens", "generated_tokens", "verifier_tokens")
    assert spent == sum(charge[name] for charge in charges for name in tokens) > 0

    undo()
    summary = json.loads(run(*command, "--json").stdout)
    assert summary["lost_tokens"] == lost
    assert summary["tokens"] == sum(row["tokens"] for row in lines(out))
    assert spent < summary["tokens"] <= 6_000 - lost


# --- killed for real ----------------------------------------------------------------------------------------------

PROGRAM = """
    import resource, sys, time
    from its_graph.cli import main
    from its_graph.cli.runs.models import ModelOptions
    from its_graph.testing import ToyGenerator, ToyVerifier

    meter = open(sys.argv[1], "a")

    class Metered(ToyGenerator):
        def invoke(self, input, config=None, **kwargs):
            time.sleep(0.003)
            (sample,) = super().invoke(input)
            print(input.messages[0]["content"], sample.prompt_tokens + sample.generated_tokens, sep="|", file=meter)
            meter.flush()
            return [sample]

    class Judge(ToyVerifier):
        def invoke(self, input, config=None, **kwargs):
            print(input.messages[0]["content"], self.tokens(input), sep="|", file=meter, flush=True)
            return super().invoke(input)

    if sys.argv[2] != "0":
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]),) * 2)
    ModelOptions.load = lambda options: (Metered(0.5), Judge())
    sys.exit(main.run(sys.argv[3:]))
"""


class Program:
    """The command in its own process, with models that log their calls."""

    def __init__(self, folder: Path) -> None:
        self.script, self.meter = folder / "program.py", folder / "meter.txt"
        self.script.write_text(textwrap.dedent(PROGRAM))

    def start(self, *arguments: object, room: int = 0) -> subprocess.Popen[str]:
        command = [sys.executable, str(self.script), str(self.meter), str(room), "solve-batch", *map(str, arguments)]
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    @property
    def calls(self) -> list[tuple[str, int]]:
        rows = (line.split("|") for line in self.meter.read_text().splitlines())
        return [(problem, int(tokens)) for problem, tokens in rows]


def test_a_killed_batch_resumes_within_the_same_budget(tmp_path: Path, out: Path) -> None:
    data, program = write(tmp_path / "sums.jsonl", 60), Program(tmp_path)
    command = (data, "--budget-tokens", 15_000, "--out", out, "--plan", "adaptive", "--solved", "0.85", "--json")
    running = program.start(*command)
    while running.poll() is None and (not out.exists() or out.read_text().count("\n") < 20):
        time.sleep(0.02)
    running.kill()
    running.communicate()
    assert running.returncode == -signal.SIGKILL
    finished = {json.loads(line)["id"] for line in out.read_text().splitlines()[:20]}
    drawn = len(program.calls)

    again = program.start(*command)
    out_text, err_text = again.communicate(timeout=120)
    assert again.returncode == 0, err_text
    rows = lines(out)
    assert len(rows) == json.loads(out_text)["answered"] == 60
    assert len({row["id"] for row in rows}) == 60
    questions = {row["id"]: row["problem"] for row in lines(data)}
    repeated = {questions[one] for one in finished} & {problem for problem, _ in program.calls[drawn:]}
    duplicates = {question for question in repeated if sum(other == question for other in questions.values()) > 1}
    assert repeated == duplicates
    spent = sum(tokens for _, tokens in program.calls)
    assert 13_000 < spent <= 15_000
    summary = json.loads(out_text)
    assert summary["tokens"] <= spent <= summary["tokens"] + summary["lost_tokens"] <= 15_000


def test_a_full_disk_is_reported_and_what_was_written_is_kept(tmp_path: Path, out: Path) -> None:
    data, program = write(tmp_path / "sums.jsonl", 40), Program(tmp_path)
    command = (data, "--budget-tokens", 8_000, "--out", out, "--plan", "uniform", "--json")
    full = program.start(*command, room=12_000)
    _, err_text = full.communicate(timeout=120)
    assert full.returncode == 2, err_text
    assert "Cannot write" in err_text
    assert "free some space" in err_text
    again = program.start(*command)
    out_text, err_text = again.communicate(timeout=120)
    assert again.returncode == 0, err_text
    assert json.loads(out_text)["answered"] == 40
    assert sum(tokens for _, tokens in program.calls) <= 8_000
