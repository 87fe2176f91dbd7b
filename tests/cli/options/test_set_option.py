"""`--set name=value` and `--strategy-config`: valid options are parsed, any other is an error of one line."""

from pathlib import Path
from typing import Any

import pytest

from its_graph.catalog.registry import strategy
from its_graph.cli.options.set_option import parse_set_options
from its_graph.cli.runs.models import ModelOptions
from its_graph.errors import ConfigurationError


@pytest.mark.parametrize(
    ("name", "assignment", "value"),
    [
        ("tournament", "pivots=3", 3),
        ("sequential_revision", "chains=null", None),
        ("rebase", "keep-share=1", 1),
        ("budget_forcing", "wait=5", "5"),
        ("budget_forcing", 'wait="Hm, no"', "Hm, no"),
        ("diverse_prompts", 'prompts=["", "Think."]', ["", "Think."]),
        ("compute_optimal", "policy=policy.json", "policy.json"),
    ],
)
def test_a_value_has_the_type_of_the_option(name: str, assignment: str, value: Any) -> None:
    (parsed,) = parse_set_options([assignment], [strategy(name)]).values()
    assert (parsed, type(parsed)) == (value, type(value))


def test_a_value_must_be_valid_for_every_strategy_with_the_option() -> None:
    chosen = [strategy(name) for name in ("single", "tournament", "pdr")]
    assert parse_set_options(["n=4"], chosen) == {"n": 4}
    with pytest.raises(ConfigurationError, match="rounds=many is not valid for pdr"):
        parse_set_options(["rounds=many"], chosen)
    with pytest.raises(ConfigurationError, match="Unknown option 'depth' in --set"):
        parse_set_options(["depth=2"], chosen)


@pytest.mark.parametrize(
    ("name", "assignment", "message"),
    [
        ("tournament", "pivots=abc", "--set pivots=abc is not valid for tournament: Input should be a valid integer."),
        ("best_of_n", "n=4.5", "--set n=4.5 is not valid for"),
        ("best_of_n", "choose=majority", "--choose (weighted, argmax, pessimistic, majority)"),
        ("self_consistency", "stop=unanimous_window", "--stop (adaptive_consistency, unanimous_window, e_value)"),
        ("deepconf", "score=foo", "--set score of deepconf is a Python object"),
        ("aggregation", "rounds=abc", "rounds=abc"),
        ("beam_search", "ask=foo", "--set ask of beam_search is a Python object"),
        ("single", "temperature=-1", "greater than or equal to 0"),
        ("best_of_n", "n=9223372036854775808", "less than 9223372036854775808"),
        ("best_of_n", "depth=2", "'depth'"),
    ],
)
def test_solve_rejects_the_rest_before_models_load(
    call: Any, monkeypatch: pytest.MonkeyPatch, name: str, assignment: str, message: str
) -> None:
    monkeypatch.setattr(ModelOptions, "load", lambda options: pytest.fail("a model was loaded"))
    called = call("solve", "Add 1, 2.", "-s", name, "--set", assignment)
    assert (called.code, called.err.count("\n")) == (2, 1)
    assert message in called.err


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (("eval", "--strategies", "tournament", "--n", "2", "--set", "pivots=abc"), "--set pivots=abc"),
        (("eval", "--strategies", "beam_search", "--set", "choose=argmax"), "Build the strategy in Python"),
        (("calibrate", "--out", "policy.json", "--strategy-config", "beam_search n=q"), "--strategy-config n=q"),
    ],
)
def test_so_do_eval_and_calibrate(
    call: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(ModelOptions, "load", lambda options: pytest.fail("a model was loaded"))
    called = call(*command)
    assert (called.code, called.err.count("\n")) == (2, 1)
    assert message in called.err
