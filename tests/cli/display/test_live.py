"""The live view at its sizes, drawn from events alone."""

import io
import re
from collections.abc import Sequence
from typing import Any

import pytest
from rich.console import Console

from its_graph import Budget, SearchContext, create
from its_graph.catalog.registry import STRATEGIES, strategy
from its_graph.cli.display.live import SearchView
from its_graph.testing import ToyGenerator, ToyVerifier

PROBLEM = "Add 3, 5, 4, 7, 9, 2, 6."


def events_of(name: str, budget: Budget | None = None, **options: Any) -> list[dict[str, Any]]:
    graph = create(name, ToyGenerator(parameters=1_000), ToyVerifier(), **options).compile()
    stream = graph.stream(
        {"problem": PROBLEM},
        context=SearchContext(seed=7, budget=budget or Budget()),
        stream_mode="custom",
        subgraphs=True,
        version="v2",
    )
    return [part["data"] for part in stream]


def drawn(events: Sequence[dict[str, Any]], width: int = 80, height: int = 24) -> list[str]:
    now = iter([0.0, *[2.0] * 1_000])
    view = SearchView(lambda: next(now))
    for event in events:
        view.add(event)
    console = Console(file=io.StringIO(), width=width, height=height, force_terminal=False)
    with console.capture() as capture:
        console.print(view)
    return capture.get().splitlines()


@pytest.mark.parametrize("name", STRATEGIES)
@pytest.mark.parametrize("size", [(80, 24), (120, 40), (40, 10)])
def test_it_fits_the_terminal_at_every_moment(name: str, size: tuple[int, int]) -> None:
    options = {key: value for key, value in {"n": 16, "width": 4}.items() if key in strategy(name).options}
    events = events_of(name, Budget(tokens=4_000), **options)
    assert drawn(events, 120)[0].rstrip() == f"{name} · seed 7 · stopped: {events[-1]['result']['stop_reason']}"
    for end in {1, 2, *range(3, len(events), 7), len(events)}:
        lines = drawn(events[:end], *size)
        assert max(map(len, lines)) <= size[0]
        assert len(lines) < size[1]


def test_a_step_search_shows_tree_budget_and_speed() -> None:
    events = events_of("beam_search", Budget(tokens=9_000, calls=500, flops=5e7), n=16, width=4)
    lines = drawn(events, height=50)
    assert lines[0].rstrip() == "beam_search · seed 7 · stopped: completed"
    assert lines[1].rstrip() == PROBLEM
    assert any("★ 0.90 → 36 \\boxed{36}" in line for line in lines)
    assert any(line.endswith("cut") for line in lines)
    spend = events[-1]["result"]["spend"]
    tokens = spend["prompt_tokens"] + spend["generated_tokens"] + spend["verifier_tokens"]
    gauges = {line.split()[0]: re.sub(r".*[━╸╺] +", "", line).rstrip() for line in lines if "━" in line}
    assert gauges["tokens"] == f"{tokens:,} of 9,000"
    assert gauges["calls"] == f"{spend['calls']} of 500"
    assert gauges["flops"].endswith("of 50 MFLOP")
    assert lines[-1].startswith(f"2.0 s · {spend['generated_tokens'] / 2:.0f} tokens/s · {spend['calls']} calls · ")


def test_the_tokens_of_a_running_node_are_counted() -> None:
    events = events_of("best_of_n", n=8)
    before_the_first_charge = events[: 1 + 5]
    assert "(0 generated)" not in drawn(before_the_first_charge)[-1]
    generated = sum(event["step"]["tokens"] for event in before_the_first_charge[1:])
    assert f"5 calls · {generated} tokens ({generated} generated)" in drawn(before_the_first_charge)[-1]


def test_samples_are_grouped_by_answer() -> None:
    events = events_of("best_of_n", n=16)
    result = events[-1]["result"]
    rows = {line.split()[0 if line[0] == " " else 1]: line for line in drawn(events, height=40)[4:-2]}
    assert rows[result["answer"]].startswith("★")
    assert [row for row in rows.values() if row.startswith("★")] == [rows[result["answer"]]]
    for vote in result["votes"]:
        assert f" {vote['count']}  " in rows[vote["answer"]]
    assert "0.90  0.90" in rows[result["answer"]]


def test_a_table_too_high_says_what_it_leaves_out() -> None:
    lines = drawn(events_of("best_of_n", n=64), height=14)
    left_out = [line for line in lines if "more" in line]
    assert len(left_out) == 1
    assert len(lines) < 14


def test_before_the_first_event_and_before_the_first_sample() -> None:
    assert drawn([])[0].rstrip() == "search · searching"
    events = events_of("best_of_n", n=2)
    assert "no samples yet" in drawn(events[:1])[3]


def test_a_stopped_view_keeps_its_time_and_says_interrupted() -> None:
    now = iter([0.0, 3.0, 99.0, 99.0])
    view = SearchView(lambda: next(now))
    view.stop()
    assert view.seconds == 3.0
    console = Console(file=io.StringIO(), width=80, height=24)
    with console.capture() as capture:
        console.print(view)
    assert "interrupted" in capture.get()
