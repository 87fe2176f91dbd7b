"""`--temperature`, `--max-tokens` and `--system` mean the same in every command, and belong to its run."""

import json
from pathlib import Path
from typing import Any

import pytest

from its_graph.cli.runs import models
from its_graph.cli.runs.models import ModelOptions
from its_graph.contracts import Generator, Verifier
from its_graph.routing.policy import Policy
from its_graph.testing import ScriptedGenerator, ToyGenerator, ToyVerifier

ASKED = ("--system", "Be brief.", "--max-tokens", "90", "--temperature", "0.5")
COMMANDS: dict[str, tuple[str, ...]] = {
    "solve": ("Add 1, 2.", "--n", "2"),
    "solve-batch": ("sums.jsonl", "--budget-calls", "30", "--out", "out.jsonl"),
    "eval": ("--data", "sums.jsonl", "--n", "2", "--out", "out.jsonl"),
    "calibrate": ("--data", "sums.jsonl", "--n", "2", "--bins", "1", "--out", "policy.json", "--outcomes", "out.jsonl"),
    "eval-sizes": ("--data", "sums.jsonl", "--n", "2", "--outcomes", "out.jsonl"),
}


@pytest.fixture
def small() -> ScriptedGenerator:
    return ToyGenerator(0.3, parameters=10)


@pytest.fixture
def larger() -> ScriptedGenerator:
    return ToyGenerator(parameters=40)


@pytest.fixture(autouse=True)
def world(
    call: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, small: ScriptedGenerator, larger: ScriptedGenerator
) -> None:
    def load(options: ModelOptions) -> tuple[Generator, Verifier | None]:
        return (larger if options.model == models.LARGER_MODEL else small), ToyVerifier(parameters=3)

    monkeypatch.setattr(ModelOptions, "load", load)
    monkeypatch.chdir(tmp_path)
    rows = [{"problem": f"Add {a}, {b}.", "answer": a + b} for a in (1, 2) for b in (3, 4)]
    Path("sums.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


@pytest.mark.parametrize("command", COMMANDS)
def test_every_model_gets_them(call: Any, command: str, small: ScriptedGenerator, larger: ScriptedGenerator) -> None:
    called = call(command, *COMMANDS[command], *ASKED)
    assert called.code == 0, called.err
    settings = {(request.messages[0]["content"], request.max_tokens, request.temperature) for request in small.requests}
    assert settings == {("Be brief.", 90, 0.5)}
    greedy = {(request.messages[0]["content"], request.max_tokens, request.temperature) for request in larger.requests}
    assert greedy == ({("Be brief.", 90, 0.0)} if command == "eval-sizes" else set())


@pytest.mark.parametrize("flag", [("--max-tokens", "80"), ("--system", "Be long."), ("--temperature", "0.6")])
@pytest.mark.parametrize("command", ["eval", "calibrate", "eval-sizes"])
def test_outcomes_with_other_settings_are_measured_again(
    call: Any, command: str, flag: tuple[str, str], small: ScriptedGenerator
) -> None:
    call(command, *COMMANDS[command], *ASKED)
    drawn = len(small.requests)
    assert drawn
    call(command, *COMMANDS[command], *ASKED)
    assert len(small.requests) == drawn
    call(command, *COMMANDS[command], *ASKED, *flag)
    assert len(small.requests) == 2 * drawn


def test_a_batch_resumes_only_with_the_same_settings(call: Any) -> None:
    call("solve-batch", *COMMANDS["solve-batch"], *ASKED)
    other = call("solve-batch", *COMMANDS["solve-batch"], *ASKED, "--max-tokens", "80")
    assert (other.code, "max_tokens=90, now 80" in other.err) == (2, True)


def test_a_policy_records_how_it_was_fitted(call: Any) -> None:
    call("calibrate", *COMMANDS["calibrate"], *ASKED)
    fitted = Policy.load(Path("policy.json")).fitted_on
    assert (fitted["system"], fitted["max_tokens"], fitted["temperature"]) == ("Be brief.", 90, 0.5)
    routed = ("solve", "Add 1, 2.", "-s", "compute_optimal", "--set", "policy=policy.json", "-q")
    assert call(*routed, *ASKED).err == ""
    assert "fitted with a different max_tokens, " in call(*routed, *ASKED, "--max-tokens", "80").err
    assert "fitted with a different system, temperature, max_tokens, " in call(*routed).err


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("flag", [("--max-tokens", str(2**63)), ("--max-tokens", "0"), ("--temperature", "nan")])
def test_an_invalid_number_is_reported_in_one_line(call: Any, command: str, flag: tuple[str, str]) -> None:
    called = call(command, *COMMANDS[command], *flag)
    assert (called.code, called.err.count("\n")) == (2, 1)
    assert flag[0] in called.err
