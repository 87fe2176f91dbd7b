"""Every command that uses a policy prints a note if it was fitted on other models or settings."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from its_graph.routing.policy import Policy

Call = Callable[..., Any]


@pytest.fixture
def sums(tmp_path: Path) -> Path:
    path = tmp_path / "sums.jsonl"
    rows = [{"problem": f"Add {a}, {b}, {a}.", "answer": 2 * a + b} for a in range(1, 4) for b in range(1, 5)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.fixture
def policy(call: Call, sums: Path, tmp_path: Path) -> Path:
    path = tmp_path / "policy.json"
    made = call("calibrate", "--out", path, "--data", sums, "--n", "2,4", "--bins", 1, "--strategies", "best_of_n")
    assert made.code == 0, made.err
    return path


@pytest.fixture
def commands(sums: Path, tmp_path: Path, policy: Path) -> list[tuple[object, ...]]:
    """Each command that uses a policy, with the settings of the fit."""
    routed = ("--strategy", "compute_optimal", "--set", f"policy={policy}")
    batch = ("--plan", "policy", "--policy", policy, "--budget-calls", 60, "--out", tmp_path / "answers.jsonl")
    return [
        ("solve", "Add 3, 5, 4.", *routed),
        ("eval", "--data", sums, "--limit", 2, "--strategies", "compute_optimal", *routed[2:]),
        ("solve-batch", sums, *batch),
    ]


def test_no_note_with_the_settings_of_the_fit(call: Call, commands: list[tuple[object, ...]]) -> None:
    for command in commands:
        called = call(*command)
        assert (called.code, called.err.strip()) == (0, "")


def test_a_different_model_prompt_or_temperature_is_noted(
    call: Call, commands: list[tuple[object, ...]], policy: Path
) -> None:
    fitted = Policy.load(policy)
    fitted.model_copy(update={"fitted_on": {**fitted.fitted_on, "model_weights": "other", "system": "Be brief."}}).save(
        policy
    )
    for command in commands:
        called = call(*command, "--temperature", 0.5)
        assert called.code == 0
        assert f"{policy} was fitted with a different model, system, temperature, so " in called.err


def test_weights_identify_a_model_wherever_they_are(
    call: Call, commands: list[tuple[object, ...]], policy: Path
) -> None:
    fitted = Policy.load(policy)
    fitted.model_copy(update={"fitted_on": {**fitted.fitted_on, "model": "elsewhere"}}).save(policy)
    assert call(*commands[0]).err.strip() == ""
    fitted.model_copy(update={"fitted_on": {}}).save(policy)
    assert call(*commands[0], "--temperature", 0.5).err.strip() == ""
