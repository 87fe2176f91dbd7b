"""`its-graph solve` from the flags to what is printed, for every strategy."""

import io
import json
from pathlib import Path
from typing import Any

import pytest

from its_graph import create
from its_graph.catalog.registry import STRATEGIES, strategies
from its_graph.cli.display.live import SearchView
from its_graph.cli.runs.models import ModelOptions
from its_graph.context import SearchContext
from its_graph.contracts import Generator, Verifier
from its_graph.routing.default_policy import default_policy
from its_graph.testing import ScriptedGenerator, ToyGenerator, ToyVerifier

PROBLEM = "Add 3, 5, 4, 7."
SPEND = {"calls", "prompt_tokens", "cached_tokens", "generated_tokens", "verifier_tokens", "seconds", "flops"}


def solved(called: Any) -> dict[str, Any]:
    assert (called.code, called.err) == (0, ""), called
    result: dict[str, Any] = json.loads(called.out)
    return result


@pytest.mark.parametrize("name", STRATEGIES)
def test_every_strategy_prints_one_object(call: Any, name: str) -> None:
    result = solved(call("solve", PROBLEM, "--strategy", name, "--n", 16, "--seed", 7, "--json"))
    assert {"answer", "strategy", "seed", "stop_reason", "candidates", "spend"} <= set(result)
    assert (result["problem"], result["strategy"], result["seed"]) == (PROBLEM, name, 7)
    assert set(result["spend"]) == SPEND
    assert result["spend"]["generated_tokens"] > 0
    assert result["candidates"]
    for candidate in result["candidates"]:
        assert {"text", "answer", "score", "finished"} <= set(candidate)


@pytest.mark.parametrize("name", STRATEGIES)
def test_the_same_seed_prints_the_same_object_but_for_the_seconds(call: Any, name: str) -> None:
    def once(seed: int) -> dict[str, Any]:
        result = solved(call("solve", PROBLEM, "-s", name, "--n", 16, "--seed", seed, "--json"))
        del result["spend"]["seconds"]
        return result

    assert json.dumps(once(7)) == json.dumps(once(7))
    others = [json.dumps(once(seed) | {"seed": 7}) for seed in range(6)]
    assert any(other != json.dumps(once(7)) for other in others)


def test_the_object_is_that_of_the_library(call: Any) -> None:
    graph = create("beam_search", ToyGenerator(parameters=1_000), ToyVerifier(parameters=2_000), n=8, width=2)
    direct = graph.compile().invoke({"problem": PROBLEM}, context=SearchContext(seed=7))["result"]
    result = solved(call("solve", PROBLEM, "-s", "beam_search", "--n", 8, "--width", 2, "--seed", 7, "--json"))
    for either in (direct, result):
        del either["spend"]["seconds"]
    assert result == {"problem": PROBLEM, **direct}


def test_the_report_has_answer_votes_spend_and_stop_reason(call: Any) -> None:
    called = call("solve", PROBLEM, "--n", 16, "--seed", 7)
    assert called.code == 0
    assert called.err == ""
    lines = dict(line.split("  ", maxsplit=1) for line in called.out.splitlines()[-5:])
    lines = {name: fact.strip() for name, fact in lines.items()}
    assert lines["answer"] == "19"
    assert lines["votes"].startswith("19 \N{MULTIPLICATION SIGN}7 (weight 6.3), ")
    assert lines["search"] == "best_of_n, seed 7, 16 candidates"
    assert lines["stop reason"] == "completed"
    assert lines["spend"].startswith("25 calls · 80 prompt + 256 generated + 189 verifier tokens · 1.43 MFLOP · ")


def test_no_control_codes_off_a_terminal(call: Any) -> None:
    assert "\x1b" not in call("solve", PROBLEM, "-s", "beam_search").out


def test_model_output_is_text_and_nothing_else(call: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    reply = "[bold red]x[/nope] \x1b[2J\x07 \\boxed{[link=a]7}"
    monkeypatch.setattr(ModelOptions, "load", lambda options: (ScriptedGenerator(lambda request: reply), None))
    out = call("solve", "What is [/i]?", "-s", "self_consistency").out
    assert "[bold red]x[/nope] [2J \\boxed{[link=a]7}" in out
    assert "\x1b" not in out
    assert "\x07" not in out


def test_a_dash_reads_standard_input(call: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(PROBLEM + "\n"))
    result = solved(call("solve", "-", "--json"))
    assert (result["problem"], result["answer"]) == (PROBLEM, "19")


def test_loading_models_is_not_counted_as_search_time(call: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    order: list[str] = []

    def load(options: ModelOptions) -> tuple[Generator, Verifier]:
        order.append("load")
        return ToyGenerator(), ToyVerifier()

    class View(SearchView):
        def __init__(self) -> None:
            order.append("start the clock")
            super().__init__()

    monkeypatch.setattr(ModelOptions, "load", load)
    monkeypatch.setattr("its_graph.cli.commands.solve.SearchView", View)
    assert call("solve", PROBLEM).code == 0
    assert order == ["load", "start the clock"]


def test_without_a_seed_the_run_repeats(call: Any) -> None:
    assert solved(call("solve", PROBLEM, "--json"))["seed"] == 0


@pytest.mark.parametrize(
    ("flag", "limit", "measure"),
    [
        (
            "--budget-tokens",
            100,
            lambda spend: sum(spend[f"{kind}_tokens"] for kind in ("prompt", "generated", "verifier")),
        ),
        ("--budget-generated-tokens", 100, lambda spend: spend["generated_tokens"]),
        ("--budget-calls", 5, lambda spend: spend["calls"]),
        ("--budget-flops", 100_000.0, lambda spend: spend["flops"]),
    ],
)
def test_a_budget_holds(call: Any, flag: str, limit: float, measure: Any) -> None:
    result = solved(call("solve", PROBLEM, flag, limit, "--json"))
    assert result["stop_reason"] == "budget"
    assert 0 < measure(result["spend"]) <= limit


def test_a_budget_of_no_time_answers_nothing(call: Any) -> None:
    result = solved(call("solve", PROBLEM, "--budget-seconds", 0, "--json"))
    assert (result["answer"], result["candidates"], result["stop_reason"]) == (None, [], "budget")
    assert "answer       none" in call("solve", PROBLEM, "--budget-seconds", 0).out


def test_flags_reach_the_search(call: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    toy = ToyGenerator()
    monkeypatch.setattr(ModelOptions, "load", lambda options: (toy, ToyVerifier()))
    call("solve", PROBLEM, "-s", "beam_search", "--n", 6, "--width", 3, "--max-steps", 2, "--temperature", 0.5)
    assert len([request for request in toy.requests if not request.prefix]) == 6
    assert {request.temperature for request in toy.requests} == {0.5}
    assert max(request.prefix.count("\n\n") for request in toy.requests) == 2  # and the way out is one more call
    toy.requests.clear()
    call("solve", PROBLEM, "-s", "dvts", "--n", 4, "--width", 2, "--lookahead", 1)
    assert any(request.temperature == 0 for request in toy.requests)
    toy.requests.clear()
    call("solve", PROBLEM, "-s", "single", "--max-tokens", 5)
    assert [request.max_tokens for request in toy.requests] == [5]


@pytest.mark.parametrize(("rule", "samples"), [("adaptive_consistency", 4), ("unanimous_window", 5), ("e_value", 8)])
def test_sampling_stops_early(call: Any, monkeypatch: pytest.MonkeyPatch, rule: str, samples: int) -> None:
    monkeypatch.setattr(ModelOptions, "load", lambda options: (ScriptedGenerator(lambda request: r"\boxed{1}"), None))
    result = solved(call("solve", PROBLEM, "-s", "self_consistency", "--stop", rule, "--json"))
    assert (result["stop_reason"], len(result["candidates"])) == ("agreement", samples)


@pytest.mark.parametrize(
    ("rule", "answer"), [("weighted", "1"), ("argmax", "2"), ("pessimistic", "2"), ("majority", "1")]
)
def test_the_choice_rule_chooses_the_answer(call: Any, monkeypatch: pytest.MonkeyPatch, rule: str, answer: str) -> None:
    # Answer 1 comes three times with score 0.5 each, answer 2 twice with 0.7.
    reply = iter(["1", "1", "2", "1", "2"])
    generator = ScriptedGenerator(lambda request: rf"\boxed{{{next(reply)}}}")
    verifier = ToyVerifier()
    verifier.script = lambda candidate: [0.7 if "2" in candidate.steps[-1] else 0.5]
    monkeypatch.setattr(ModelOptions, "load", lambda options: (generator, verifier))
    assert solved(call("solve", "?", "--n", 5, "--choose", rule, "--json"))["answer"] == answer


def test_quiet_says_the_same_as_no_live(call: Any) -> None:
    assert (
        call("solve", PROBLEM, "--quiet").out.split("·")[:2] == call("solve", PROBLEM, "--no-live").out.split("·")[:2]
    )


def test_a_policy_is_given_as_a_file(call: Any, tmp_path: Path) -> None:
    path = tmp_path / "policy.json"
    default_policy("agreement", pilots=2).save(path)
    result = solved(call("solve", PROBLEM, "-s", "compute_optimal", "--set", f"policy={path}", "--json"))
    assert result["route"]["estimator"] == "agreement"
    assert (
        f"route        {result['route']['config']} (difficulty "
        in call("solve", PROBLEM, "-s", "compute_optimal", "--set", f"policy={path}").out
    )


def test_a_router_works_without_a_verifier(call: Any) -> None:
    result = solved(call("solve", PROBLEM, "-s", "compute_optimal", "--model", "m", "--json"))
    assert result["route"]["estimator"] == "agreement"
    result = solved(call("solve", PROBLEM, "-s", "compute_optimal", "--model", "m", "--prm", "p", "--json"))
    assert result["route"]["estimator"] == "verifier"


def test_a_strategy_without_verifier_never_loads_one(call: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded: list[tuple[Path | None, Path | None]] = []

    def load(options: ModelOptions) -> tuple[Generator, Verifier | None]:
        loaded.append((options.model, options.prm))
        return ToyGenerator(), None

    monkeypatch.setattr(ModelOptions, "load", load)
    for one in strategies():
        if not one.takes_verifier:
            assert call("solve", PROBLEM, "-s", one.name, "--model", "m", "--prm", "p").code == 0
    assert set(loaded) == {(Path("m"), None)}


def test_the_answer_is_printed_even_if_the_page_cannot_be_written(call: Any, tmp_path: Path) -> None:
    called = call("solve", PROBLEM, "--seed", 7, "--json", "--html", tmp_path / ("x" * 300))
    assert (called.code, json.loads(called.out)["answer"]) == (2, "19")
    assert "cannot write the page: File name too long" in called.err


def test_half_a_character_of_a_model_is_written_too(call: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reply = "\ud800 \\boxed{7}"
    monkeypatch.setattr(ModelOptions, "load", lambda options: (ScriptedGenerator(lambda request: reply), None))
    file = tmp_path / "search.html"
    result = solved(call("solve", PROBLEM, "-s", "single", "--json", "--html", file))
    assert result["candidates"][0]["text"] == reply
    assert r"\ud800 " in file.read_text(encoding="utf-8")
