"""`its-graph calibrate` in the toy world."""

import errno
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from its_graph.cli.runs import models
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


def test_it_prints_table_worth_curves_and_calibration(call: Call, common: tuple[object, ...]) -> None:
    printed = " ".join(call(*common).out.split())
    for title in (
        "by difficulty (verifier, 2 pilots) and budget on average",
        "Accuracy % by difficulty",
        "gain of the router",
    ):
        assert title in printed
    assert "best_of_n n=4 for every question" in printed
    assert "Brier" in printed
    assert "\\[" not in printed


def test_what_was_measured_is_not_measured_again(
    call: Call, common: tuple[object, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = tmp_path / "work.jsonl"
    first = call(*common, "--work", work, "--json")
    lines = work.read_text().splitlines()
    work.write_text("\n".join(lines[: len(lines) // 2]) + "\n")
    asked: list[object] = []
    ask = ToyGenerator.invoke

    def counted(self: ToyGenerator, *given: Any, **named: Any) -> Any:
        asked.append(given)
        return ask(self, *given, **named)

    monkeypatch.setattr(ToyGenerator, "invoke", counted)
    second = call(*common, "--work", work, "--json")
    assert asked
    assert len(work.read_text().splitlines()) == len(lines)
    assert json.loads(second.out) == json.loads(first.out)
    asked.clear()
    assert json.loads(call(*common, "--work", work, "--bins", 1, "--json").out)["thresholds"] == []
    assert not asked


def test_settings_one_by_one(call: Call, common: tuple[object, ...]) -> None:
    called = call(*common, "--strategies", "best_of_n", "--setting", "beam_search n=4 width=2", "--json")
    measured = {row["name"] for row in json.loads(called.out)["fitted_on"]["fixed"]}
    assert "beam_search n=4 width=2" in measured
    assert "self_consistency n=4" not in measured


def test_without_a_verifier_agreement_tells(call: Call, common: tuple[object, ...], tmp_path: Path) -> None:
    called = call(*common, "--model", tmp_path, "--strategies", "self_consistency", "--unit", "tokens", "--json")
    assert called.code == 0, called.err
    policy = json.loads(called.out)
    assert (policy["estimator"], policy["unit"]) == ("agreement", "tokens")


def test_from_the_text_there_are_no_pilots(call: Call, common: tuple[object, ...]) -> None:
    policy = json.loads(call(*common, "--estimator", "text", "--budget-scope", "per_bin", "--json").out)
    assert (policy["estimator"], policy["pilots"], policy["budget_scope"]) == ("text", 0, "per_bin")


def test_in_each_bin_the_largest_budget_pays_for_the_dearest_bin(
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
        (("--estimator", "magic"), "--estimator 'magic' is unknown"),
        (("--unit", "euros"), "--unit 'euros' is unknown"),
        (("--pilots", 0), "--pilots of at least 1"),
        (("--budgets", "1e3,much"), "no list of numbers"),
        (("--budgets", "1e3,nan"), "no list of numbers above 0"),
        (("--budgets", "inf"), "no list of numbers above 0"),
        (("--setting", " "), "' ' names no strategy"),
        (("--budgets", "1"), "does not pay for the pilots"),
        (("--estimator", "learned"), "no method `embed`"),
        (("--model", ".", "--estimator", "verifier"), "verifier needs one"),
        (("--setting", "best_of_n m=3"), "'m'"),
        (("--strategies", "guess"), "no strategy 'guess'"),
        (("--data", "nowhere.jsonl"), "nowhere.jsonl"),
    ],
)
def test_what_cannot_be_done_is_explained(
    call: Call, common: tuple[object, ...], arguments: tuple[object, ...], why: str, tmp_path: Path
) -> None:
    called = call(*common, *arguments)
    assert called.code == 2
    assert why in called.err
    assert not (tmp_path / "policy.json").exists()


@pytest.fixture
def _no_models(monkeypatch: pytest.MonkeyPatch, call: Call) -> None:
    def loaded(*given: object) -> None:
        raise AssertionError("a model was loaded")

    monkeypatch.setattr(models, "models", loaded)


@pytest.mark.usefixtures("_no_models")
@pytest.mark.parametrize("flag", ["--out", "--work"])
def test_files_that_cannot_be_written_are_told_before_a_model_is_loaded(
    call: Call, common: tuple[object, ...], flag: str
) -> None:
    called = call(*common, flag, "nowhere/file.json")
    assert (called.code, "Cannot write nowhere/file.json: No such file" in called.err) == (2, True)


@pytest.mark.usefixtures("_no_models")
@pytest.mark.parametrize(("estimator", "few"), [("agreement", 1), ("learned", 4)])
def test_too_few_problems_are_told_before_a_model_is_loaded(
    call: Call, common: tuple[object, ...], data: Path, estimator: str, few: int
) -> None:
    if estimator == "learned":
        pytest.importorskip("numpy", reason="the extra allocation is not installed")
    data.write_text("".join(data.read_text().splitlines(keepends=True)[:few]))
    called = call(*common, "--estimator", estimator)
    assert (called.code, f"on at least {few + 1} problems. Given: {few}." in called.err) == (2, True)


def test_a_policy_that_cannot_be_written_in_the_end_is_told_in_a_line(
    call: Call, common: tuple[object, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: Policy, path: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Policy, "save", full)
    called = call(*common)
    assert called.code == 2
    assert re.fullmatch(r"error: Cannot write .*policy.json: No space left on device\..*", called.err.splitlines()[-1])
