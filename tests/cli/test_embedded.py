"""The command with the embedded models, and with their checkpoint folders."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from its_graph.catalog.registry import STRATEGIES
from its_graph.cli import main

PROBLEM = "Compute (3 + 5) * 4 - 6 + 2 * 9."


def solved(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    assert main.run(["solve", PROBLEM, "--json", *arguments]) == 0, capsys.readouterr().err
    out, err = capsys.readouterr()
    assert err == ""
    result: dict[str, Any] = json.loads(out)
    return result


@pytest.mark.parametrize("name", STRATEGIES)
def test_every_strategy_with_the_embedded_models(capsys: pytest.CaptureFixture[str], name: str) -> None:
    flags = ("--strategy", name, "--n", "16", "--seed", "7")
    first, second = solved(capsys, *flags), solved(capsys, *flags)
    assert first["spend"]["flops"] > 0
    for result in (first, second):
        assert result["spend"].pop("seconds") > 0
    assert json.dumps(first) == json.dumps(second)


def test_a_beam_search_within_its_budget(capsys: pytest.CaptureFixture[str]) -> None:
    flags = ["--strategy", "beam_search", "--n", "16", "--width", "4", "--budget-tokens", "4000", "--seed", "7"]
    result = solved(capsys, *flags)
    spend = result["spend"]
    assert spend["prompt_tokens"] + spend["generated_tokens"] + spend["verifier_tokens"] <= 4000
    assert re.fullmatch(r"-?\d+(/\d+)?", result["answer"])
    assert {"completed", "budget"} >= {result["stop_reason"]}


def test_the_demo_finds_what_the_majority_does_not(capsys: pytest.CaptureFixture[str]) -> None:
    """The README's claim: 16 samples agree on a wrong answer, and the search finds the right one."""
    problem = "Compute 84 / 6 / 2 - (54 + 86) / 4 / 7 + 21."
    answers = {}
    for strategy in ("self_consistency", "beam_search"):
        assert main.run(["solve", problem, "--json", "--strategy", strategy, "--seed", "7"]) == 0
        answers[strategy] = json.loads(capsys.readouterr().out)["answer"]
    assert answers == {"self_consistency": "21", "beam_search": "23"}


def test_a_question_outside_arithmetic(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(["solve", "Who wrote Hamlet?"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("error: ")
    assert err.count("\n") == 1


def test_the_folders_of_the_embedded_models_work(capsys: pytest.CaptureFixture[str]) -> None:
    from its_graph.embedded import WEIGHTS

    folders = ("--model", str(Path(WEIGHTS, "generator")), "--prm", str(Path(WEIGHTS, "verifier")))
    result = solved(capsys, "--strategy", "best_of_n", "--n", "4", *folders)
    assert len(result["candidates"]) == 4
    assert all(candidate["score"] is not None for candidate in result["candidates"])
