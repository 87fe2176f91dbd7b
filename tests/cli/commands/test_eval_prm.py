"""`its-graph eval-prm`: baselines, thresholds that no solution influences, and invalid files."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from its_graph.cli.commands.eval_prm import LabeledSolution, read_labeled_solutions, split_halves
from its_graph.cli.runs import models
from its_graph.testing import ScriptedVerifier, ToyVerifier

Call = Callable[..., Any]
GOOD, BAD = "1 + 2 = 3", "3 + 3 = 7"


def row(problem: str, *steps: str, label: int, right: bool | None = None) -> dict[str, Any]:
    extra = {} if right is None else {"final_answer_correct": right}
    return {"problem": problem, "steps": list(steps), "label": label, **extra}


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Forty solutions of twenty problems; every other one has a wrong step, the second."""
    rows = []
    for number in range(20):
        rows.append(row(f"p{number}", GOOD, GOOD, GOOD, label=-1, right=True))
        rows.append(row(f"p{number}", GOOD, BAD, GOOD, label=1, right=False))
    path = tmp_path / "cases.jsonl"
    path.write_text("".join(json.dumps(entry) + "\n" for entry in rows))
    return path


def rows_of(called: Any) -> dict[str, dict[str, Any]]:
    assert called.code == 0, called.err
    return {entry["predictor"]: entry for entry in json.loads(called.out)["rows"]}


def test_the_baselines_need_no_model(call: Call, data: Path) -> None:
    rows_by_name = rows_of(call("eval-prm", data, "--json"))
    assert {name: entry["f1"] for name, entry in rows_by_name.items()} == {
        "never a wrong step": 0.0,
        "always the first step": 0.0,
        "wrong answer: the first step": 0.0,
        "wrong answer: the last step": 0.0,
    }
    assert rows_by_name["never a wrong step"]["correct"] == 1.0


def test_the_baselines_of_the_recorded_subset(call: Call, data_folder: Path, data_rows: Any) -> None:
    """Reference 11.3."""
    data_rows("processbench_gsm8k.jsonl")  # skips where it is absent
    rows_by_name = rows_of(call("eval-prm", data_folder / "processbench_gsm8k.jsonl", "--json"))
    f1 = {name: round(entry["f1"], 6) for name, entry in rows_by_name.items()}
    assert f1["wrong answer: the first step"] == pytest.approx(0.275, abs=5e-4)
    assert f1["wrong answer: the last step"] == pytest.approx(0.135135, abs=1e-6)


def test_a_model_that_knows_finds_every_error(call: Call, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(models, "load_reward_model", lambda folder, family: ToyVerifier())
    rows_by_name = rows_of(call("eval-prm", data, "--prm", "some-folder", "--json"))["some-folder"]
    assert rows_by_name["f1"] == 1.0
    at = rows_of(call("eval-prm", data, "--prm", "some-folder", "--threshold", 0.05, "--json"))["some-folder"]
    assert (at["threshold"], at["correct"], at["f1"]) == (0.05, 1.0, 0.0)
    on = rows_of(call("eval-prm", data, "--prm", "some-folder", "--tune-on", data, "--json"))["some-folder"]
    assert on["f1"] == 1.0
    assert 0.1 < on["threshold"] <= 0.9


def test_solutions_that_cannot_be_scored_are_counted_and_reported(
    call: Call, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def judge(candidate: Any) -> list[float]:
        if candidate.messages[0]["content"] == "p3":
            raise ValueError("too long")
        return [0.1 if "7" in step else 0.9 for step in candidate.steps]

    monkeypatch.setattr(models, "load_reward_model", lambda folder, family: ScriptedVerifier(judge))
    called = call("eval-prm", data, "--prm", "m", "--json")
    assert "2 of 40 solutions have no score" in called.err
    assert rows_of(called)["m"]["erroneous"] == pytest.approx(19 / 20)


def test_a_model_that_scores_nothing_is_an_error(call: Call, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def judge(candidate: Any) -> list[float]:
        raise ValueError("no arithmetic here")

    monkeypatch.setattr(models, "load_reward_model", lambda folder, family: ScriptedVerifier(judge))
    called = call("eval-prm", data, "--prm", "m")
    assert called.code == 2
    assert "could not score any solution: no arithmetic here" in called.err


def test_the_solutions_of_a_problem_stay_together() -> None:
    solutions = [LabeledSolution(f"p{number // 2}", ("s",), -1, None) for number in range(40)]
    halves = split_halves(solutions, seed=3)
    assert halves[0::2] == halves[1::2]
    assert sum(halves) == 20
    assert halves != split_halves(solutions, seed=4)


def test_the_table_fits_a_terminal(call: Call, data: Path) -> None:
    called = call("eval-prm", data)
    assert "never a wrong step" in called.out
    assert max(map(len, called.out.splitlines())) <= 80


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ('{"problem": "p", "steps": [], "label": -1}', "line 1 needs `problem`"),
        ('{"problem": "p", "steps": ["a"], "label": 1}', "`label` must be in [-1, 0] for 1 steps; got 1"),
        ("not json", "line 1 is not JSON"),
        ("", "has no solutions"),
    ],
)
def test_an_invalid_file_is_reported_with_its_line(call: Call, tmp_path: Path, line: str, reason: str) -> None:
    path = tmp_path / "wrong.jsonl"
    path.write_text(line)
    called = call("eval-prm", path)
    assert called.code == 2
    assert reason in called.err


def test_a_missing_folder_is_reported(call: Call, data: Path) -> None:
    called = call("eval-prm", data, "--prm", "nowhere")
    assert called.code == 2
    assert "Folder nowhere does not exist" in called.err


def test_the_embedded_reward_model_finds_wrong_steps(call: Call, tmp_path: Path) -> None:
    """Its scores identify the wrong step of solutions that it can read."""
    from its_graph.embedded import WEIGHTS

    rows = []
    for a in range(11, 31):
        question, first = f"Compute ({a} + 3) * 2.", f"Step 1: {a} + 3 = "
        right = [first + str(a + 3), f"Step 2: {a + 3} * 2 = {2 * a + 6}\n\\boxed{{{2 * a + 6}}}"]
        wrong = [first + str(a + 5), f"Step 2: {a + 5} * 2 = {2 * a + 10}\n\\boxed{{{2 * a + 10}}}"]
        rows += [row(question, *right, label=-1), row(question, *wrong, label=0)]
    path = tmp_path / "arithmetic.jsonl"
    path.write_text("".join(json.dumps(entry) + "\n" for entry in rows))
    assert len(read_labeled_solutions(path)) == 40
    folder = str(WEIGHTS / "verifier")
    assert rows_of(call("eval-prm", path, "--prm", folder, "--json"))[folder]["f1"] > 0.9
