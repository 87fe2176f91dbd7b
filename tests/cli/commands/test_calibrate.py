"""`its-graph calibrate` with toy models."""

import errno
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from its_graph.cli.runs.models import ModelOptions
from its_graph.routing.policy import Policy
from its_graph.testing import ToyGenerator

Call = Callable[..., Any]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    path = tmp_path / "sums.jsonl"
    rows = [{"problem": f"Add {a}, {b}, {a}.", "answer": str(2 * a + b)} for a in range(1, 6) for b in range(1, 5)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.fixture
def common(data: Path, tmp_path: Path) -> tuple[object, ...]:
    return "calibrate", "--out", tmp_path / "policy.json", "--data", data, "--n", "2,4", "--bins", 2, "--concurrency", 1


def test_it_writes_a_policy_that_the_router_follows(call: Call, common: tuple[object, ...], tmp_path: Path) -> None:
    called = call(*common)
    assert called.code == 0, called.err
    path = tmp_path / "policy.json"
    policy = Policy.load(path)
    assert (policy.estimator, policy.pilots, policy.unit, policy.budget_scope) == ("verifier", 2, "flops", "on_average")
    assert policy.fitted_on["problems"] == 20
    assert policy.fitted_on["calibration"]["bins"]
    assert len(policy.fitted_on["cross_fitted"]) == len(policy.budgets)
    solved = call("solve", "Add 3, 5, 4.", "--strategy", "compute_optimal", "--set", f"policy={path}", "--seed", 1)
    assert solved.code == 0, solved.err


def test_it_prints_policy_gain_curves_and_calibration(call: Call, common: tuple[object, ...]) -> None:
    printed = " ".join(call(*common).out.split())
    for title in (
        "Policy by difficulty (verifier, 2 pilots) and mean budget per question",
        "Accuracy % by difficulty",
        "router gain",
    ):
        assert title in printed
    assert "best_of_n n=4 for every question" in printed
    assert "Brier" in printed
    assert "\\[" not in printed


def test_what_was_measured_is_not_measured_again(
    call: Call, common: tuple[object, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    outcomes = tmp_path / "outcomes.jsonl"
    first = call(*common, "--outcomes", outcomes, "--json")
    lines = outcomes.read_text().splitlines()
    outcomes.write_text("\n".join(lines[: len(lines) // 2]) + "\n")
    requests: list[object] = []
    ask = ToyGenerator.invoke

    def counted(self: ToyGenerator, *arguments: Any, **options: Any) -> Any:
        requests.append(arguments)
        return ask(self, *arguments, **options)

    monkeypatch.setattr(ToyGenerator, "invoke", counted)
    second = call(*common, "--outcomes", outcomes, "--json")
    assert requests
    assert len(outcomes.read_text().splitlines()) == len(lines)
    assert json.loads(second.out) == json.loads(first.out)
    requests.clear()
    assert json.loads(call(*common, "--outcomes", outcomes, "--bins", 1, "--json").out)["thresholds"] == []
    assert not requests


def test_strategy_configs_one_by_one(call: Call, common: tuple[object, ...]) -> None:
    called = call(*common, "--strategies", "best_of_n", "--strategy-config", "beam_search n=4 width=2", "--json")
    measured = {row["name"] for row in json.loads(called.out)["fitted_on"]["fixed"]}
    assert "beam_search n=4 width=2" in measured
    assert "self_consistency n=4" not in measured


def test_without_a_verifier_agreement_estimates_difficulty(
    call: Call, common: tuple[object, ...], tmp_path: Path
) -> None:
    called = call(*common, "--model", tmp_path, "--strategies", "self_consistency", "--unit", "tokens", "--json")
    assert called.code == 0, called.err
    policy = json.loads(called.out)
    assert (policy["estimator"], policy["unit"]) == ("agreement", "tokens")


def test_from_the_text_there_are_no_pilots(call: Call, common: tuple[object, ...]) -> None:
    policy = json.loads(call(*common, "--estimator", "text", "--budget-scope", "per_bin", "--json").out)
    assert (policy["estimator"], policy["pilots"], policy["budget_scope"]) == ("text", 0, "per_bin")


def test_per_bin_the_largest_budget_covers_the_most_expensive_bin(
    call: Call, common: tuple[object, ...], data: Path
) -> None:
    rows = [{"problem": f"Add {', '.join('1' * terms)}.", "answer": terms} for terms in range(2, 22)]
    data.write_text("".join(json.dumps(row) + "\n" for row in rows))
    called = call(*common, "--estimator", "text", "--budget-scope", "per_bin", "--unit", "tokens", "--json")
    policy = json.loads(called.out)
    assert len(policy["curves"]) == 2
    assert policy["budgets"][-1] >= max(point["cost"] for curve in policy["curves"] for point in curve)


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("--estimator", "magic"), "--estimator must be one of verifier, agreement, learned, text; got 'magic'"),
        (("--unit", "euros"), "--unit must be one of flops, tokens, generated_tokens; got 'euros'"),
        (("--pilots", 0), "--pilots must be >= 1"),
        (("--budgets", "1e3,much"), "list of numbers > 0; got '1e3,much'"),
        (("--budgets", "1e3,nan"), "list of numbers > 0; got '1e3,nan'"),
        (("--budgets", "inf"), "list of numbers > 0; got 'inf'"),
        (("--strategy-config", " "), "must start with a strategy; got ' '"),
        (("--budgets", "1"), "must cover the pilots"),
        (("--estimator", "learned"), "no method `embed`"),
        (("--model", ".", "--estimator", "verifier"), "needs a verifier"),
        (("--strategy-config", "best_of_n m=3"), "'m'"),
        (("--strategies", "guess"), "Unknown strategy 'guess'"),
        (("--data", "nowhere.jsonl"), "nowhere.jsonl"),
    ],
)
def test_impossible_options_are_explained(
    call: Call, common: tuple[object, ...], arguments: tuple[object, ...], why: str, tmp_path: Path
) -> None:
    called = call(*common, *arguments)
    assert called.code == 2
    assert why in called.err
    assert not (tmp_path / "policy.json").exists()


@pytest.fixture
def _no_models(monkeypatch: pytest.MonkeyPatch, call: Call) -> None:
    def load(options: ModelOptions) -> None:
        raise AssertionError("a model was loaded")

    monkeypatch.setattr(ModelOptions, "load", load)


@pytest.mark.usefixtures("_no_models")
@pytest.mark.parametrize("flag", ["--out", "--outcomes"])
def test_files_that_cannot_be_written_are_reported_before_a_model_is_loaded(
    call: Call, common: tuple[object, ...], flag: str
) -> None:
    called = call(*common, flag, "nowhere/file.json")
    assert (called.code, "Cannot write nowhere/file.json: No such file" in called.err) == (2, True)


@pytest.mark.usefixtures("_no_models")
@pytest.mark.parametrize(("estimator", "few"), [("agreement", 1), ("learned", 4)])
def test_too_few_problems_are_reported_before_a_model_is_loaded(
    call: Call, common: tuple[object, ...], data: Path, estimator: str, few: int
) -> None:
    if estimator == "learned":
        pytest.importorskip("numpy", reason="the extra allocation is not installed")
    data.write_text("".join(data.read_text().splitlines(keepends=True)[:few]))
    called = call(*common, "--estimator", estimator)
    assert (called.code, f"at least {few + 1} problems; got {few}." in called.err) == (2, True)


def test_a_policy_that_cannot_be_written_at_the_end_is_reported_in_one_line(
    call: Call, common: tuple[object, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: Policy, path: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Policy, "save", full)
    called = call(*common)
    assert called.code == 2
    assert re.fullmatch(r"error: Cannot write .*policy.json: No space left on device\..*", called.err.splitlines()[-1])
