"""Questions that a generator does not support, and searches that all fail."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from its_graph.cli.runs.models import ModelOptions
from its_graph.cli.runs.preflight import require_supported_problem
from its_graph.contracts import SampleRequest
from its_graph.errors import EmbeddedScopeError
from its_graph.testing import ToyGenerator, ToyVerifier

COMMANDS = {
    "eval": ("--n", "1,2", "--data"),
    "calibrate": ("--out", "policy.json", "--n", "2,4", "--data"),
    "eval-sizes": ("--n", "2,4", "--data"),
    "solve-batch": ("--out", "out.jsonl", "--budget-calls", "60"),
}


class OnlySums(ToyGenerator):
    def prompt_tokens(self, request: SampleRequest) -> int:
        if not str(request.messages[-1]["content"]).startswith("Add"):
            raise EmbeddedScopeError("Only sums.")
        return super().prompt_tokens(request)


def write(path: Path, questions: Sequence[str]) -> Path:
    path.write_text("".join(json.dumps({"problem": question, "answer": "3"}) + "\n" for question in questions))
    return path


@pytest.mark.parametrize("command", COMMANDS)
def test_problems_that_are_all_rejected_are_reported_before_any_search(
    call: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    generator = OnlySums(parameters=10)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(ModelOptions, "load", lambda options: (generator, ToyVerifier(parameters=3)))
    called = call(command, *COMMANDS[command], write(tmp_path / "odd.jsonl", ["A poem.", "A song."]))
    assert (called.code, called.err) == (2, "error: Only sums.\n")
    assert generator.requests == []
    assert not (tmp_path / "policy.json").exists()


def test_one_supported_problem_is_enough() -> None:
    require_supported_problem(OnlySums(), ["A poem.", "Add 1, 2."], "Be brief.")
    require_supported_problem(OnlySums(), [])


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("eval", "single and 4 more configs: 10 of 10 searches failed. First error: All samples failed"),
        (
            "calibrate",
            "error: self_consistency n=2 and 6 more configs: 14 of 14 searches failed. First error: A",
        ),
        ("eval-sizes", "error: single: 2 of 2 searches failed. First error: All samples failed"),
    ],
)
def test_searches_that_all_failed_exit_1_and_report_equal_causes_once(
    call: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str, message: str
) -> None:
    generator = ToyGenerator(parameters=10)
    generator.script = lambda request: str(1 / 0)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(ModelOptions, "load", lambda options: (generator, ToyVerifier(parameters=3)))
    data = write(tmp_path / "sums.jsonl", ["Add 1, 2.", "Add 2, 2."])
    called = call(command, *COMMANDS[command], data)
    assert called.code == 1
    assert called.err.strip().startswith(message)
    assert called.err.strip().count("\n") == 0
    assert not (tmp_path / "policy.json").exists()
