"""`strategies`, `draw`, `--version`, `--help`: quick, and without any model."""

import json
import re
import subprocess
import sys
from itertools import product
from typing import Any

import pytest
from typer.testing import CliRunner

from its_graph import create
from its_graph.catalog.recommend import DifficultyLevel, Latency, Task, recommend
from its_graph.catalog.registry import STRATEGIES, strategies, strategy
from its_graph.cli.main import app
from its_graph.cli.options.set_option import parse_set_options
from its_graph.cli.options.strategy_flags import StrategyFlags, factory_options
from its_graph.testing import ToyGenerator, ToyVerifier


def test_every_strategy_is_listed_with_cost_needs_and_use(call: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "2000")
    blocks = re.split(r"\n(?=\S)", call("strategies").out)
    assert [block.split()[0] for block in blocks] == list(STRATEGIES)
    for entry, block in zip(strategies(), blocks, strict=True):
        assert entry.summary in block
        assert f"cost: {entry.cost}" in block
        assert f"when: {entry.when}" in block
        assert all(need in block for need in entry.needs)


def test_every_strategy_says_what_it_costs_and_when_to_use_it() -> None:
    assert [entry.name for entry in strategies() if not (entry.cost and entry.when)] == []


def test_needs_are_found_by_trying() -> None:
    needs = {entry.name: entry.needs for entry in strategies()}
    assert needs["single"] == ()
    assert needs["best_of_n"] == ("verifier",)
    assert needs["beam_search"] == ("verifier", "continuation")


def test_the_list_fits_a_narrow_terminal(call: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert max(map(len, call("strategies").out.splitlines())) <= 80


def test_strategies_as_json(call: Any) -> None:
    listed = json.loads(call("strategies", "--json").out)
    assert [entry["name"] for entry in listed] == list(STRATEGIES)
    assert all(entry["summary"] for entry in listed)
    by_name = {entry["name"]: entry for entry in listed}
    assert by_name["beam_search"]["needs_verifier"] is True
    assert by_name["beam_search"]["options"]["n"] == 16
    assert by_name["self_consistency"]["needs_verifier"] is False
    assert by_name["self_consistency"]["options"]["choose"] == "majority"


@pytest.mark.parametrize("task", ["verifiable", "free_form"])
@pytest.mark.parametrize(
    "flags", [*product(["easy", "hard"], ["relaxed", "real_time"], ["--verifier", "--no-verifier"])]
)
def test_a_recommended_command_line_does_what_is_recommended(
    call: Any, task: Task, flags: tuple[DifficultyLevel, Latency, str]
) -> None:
    """`solve` has its own defaults, such as --n 16; if the strategy's differ, the recommendation must say so."""
    difficulty, latency, verifier = flags
    printed = call("recommend", task, "--difficulty", difficulty, "--latency", latency, verifier).out
    lines = [line for line in printed.splitlines() if line.startswith("--strategy ")]
    recommendation = recommend(task, difficulty, latency, verifier=verifier == "--verifier")
    for line, entry in zip(lines, (recommendation, *recommendation.alternatives), strict=True):
        _, name, *rest = line.split()
        parsed = parse_set_options([part for part in rest if part != "--set"], [strategy(name)])
        expected = {**strategy(entry.strategy).options, **entry.options}
        done = {**strategy(name).options, **factory_options(strategy(name), StrategyFlags(), None), **parsed}
        assert done == expected


@pytest.mark.parametrize("name", STRATEGIES)
def test_the_diagram_is_that_of_the_graph(call: Any, name: str) -> None:
    graph = create(name, ToyGenerator(), ToyVerifier()).compile(name=name)
    called = call("draw", name)
    assert called.out.strip() == graph.get_graph().draw_mermaid(with_styles=False).strip()
    assert called.out.startswith("graph TD;")


def test_version(call: Any) -> None:
    called = call("--version")
    assert called.code == 0
    assert called.out.startswith("its-graph")


def test_help_names_every_command_and_flag() -> None:
    def printed(*arguments: str) -> str:
        return CliRunner().invoke(app, [*arguments, "--help"], env={"COLUMNS": "200", "NO_COLOR": "1"}).output

    assert all(command in printed() for command in ("solve", "eval", "strategies", "draw"))
    flags = (
        "strategy n width max-steps lookahead stop choose set temperature max-tokens budget-tokens budget-calls seed "
        "json "
        "budget-generated-tokens budget-seconds budget-flops no-live quiet model prm"
    )
    text = printed("solve")
    assert [flag for flag in flags.split() if f"--{flag}" not in text] == []


def test_nothing_heavy_is_imported_for_what_needs_no_model() -> None:
    script = (
        "import sys; from its_graph.cli.main import run; "
        "codes = [run(['strategies']), run(['draw', 'dvts']), run(['solve', '--help']), run(['solve', ''])]; "
        "heavy = {'torch', 'transformers', 'math_verify', 'sympy', 'vllm', 'pandas'} & set(sys.modules); "
        "assert codes == [0, 0, 0, 2], codes; assert not heavy, heavy"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


def test_the_package_runs_as_a_module() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "its_graph", "draw", "nope"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: Unknown strategy 'nope'.")
    assert done.stderr.count("\n") == 1
