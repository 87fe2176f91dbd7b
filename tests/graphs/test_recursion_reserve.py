"""The supersteps that each strategy keeps in reserve below the recursion limit: one more round, then the answer."""

from collections.abc import Callable
from typing import Any

import pytest

from its_graph.catalog.registry import STRATEGIES
from its_graph.nodes.rules.steering import every

Build = Callable[..., Any]

ASKED = {"ask": every(1)}
RESERVES: list[tuple[str, dict[str, Any], int]] = [
    ("ab_mcts", {}, 4),
    ("adaptive_best_of_n", {}, 4),
    ("aggregation", {}, 3),
    ("beam_search", {}, 5),
    ("beam_search", {"lookahead": 2}, 7),
    ("beam_search", {"lookahead": 1} | ASKED, 7),
    ("budget_forcing", {}, 4),
    ("deepconf_online", {}, 3),
    ("dvts", {}, 5),
    ("dvts", {"lookahead": 3}, 8),
    ("dvts", ASKED, 6),
    ("gen_select", {}, 3),
    ("knockout", {}, 3),
    ("mcts", {}, 5),
    ("mcts", {"rollout_weight": 0.5}, 6),
    ("mcts", {"rollout_weight": 1.0} | ASKED, 7),
    ("particle_filtering", {}, 5),
    ("particle_filtering", ASKED, 6),
    ("pdr", {}, 4),
    ("rebase", {}, 5),
    ("rebase", ASKED, 6),
    ("rest_mcts", {}, 9),
    ("rest_mcts", {"rollout_steps": 0}, 6),
    ("rest_mcts", {"rollout_steps": 1} | ASKED, 8),
    ("self_consistency", {}, 3),
    ("self_refine", {}, 4),
    ("sequential_revision", {}, 4),
    ("tournament", {}, 3),
]
"""Strategy, options, supersteps. A strategy without a loop has none."""


def _state(texts: list[str], finish: str, remaining_steps: int) -> dict[str, Any]:
    """Return a search after its first round, which nothing but the recursion limit stops."""
    steps = {
        str(index): {"parent": None, "text": text, "tokens": 1, "finish": finish, "confidence": None}
        for index, text in enumerate(texts)
    }
    return {
        "question": [{"role": "user", "content": "Add 1, 2."}],
        "settings": {"seed": 7},
        "steps": steps,
        "scores": {key: {"step": key, "value": 0.5, "steps": [0.5], "tokens": 1} for key in steps},
        "frontier": list(steps),
        "new_steps": list(steps),
        "stop_reason": None,
        "remaining_steps": remaining_steps,
    }


@pytest.fixture(autouse=True)
def outside_a_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nodes run without a graph around them."""
    monkeypatch.setattr("its_graph.nodes.select.emit", lambda update: None)


def _stops(graph: Any, remaining_steps: int) -> bool:
    if "select" in graph.nodes:
        update = graph.nodes["select"].runnable.invoke(_state(["1 +\n\n"], "stop_string", remaining_steps))
        assert update["stop_reason"] in (None, "recursion_limit")
        return bool(update["stop_reason"])
    (branch,) = graph.branches["compare"].values()
    state = _state([r"\boxed{3}", r"\boxed{4}"], "end", remaining_steps)
    return bool(branch.path.invoke(state) == "enough")


@pytest.mark.parametrize(("name", "options", "reserve"), RESERVES)
def test_the_reserve_is_one_round_and_the_way_to_the_answer(
    name: str, options: dict[str, Any], reserve: int, build: Build
) -> None:
    graph = build(name, **options)
    assert [_stops(graph, remaining) for remaining in (reserve, reserve + 1)] == [True, False]


def test_every_strategy_with_a_loop_has_a_reserve(build: Build) -> None:
    looped = {
        name
        for name in STRATEGIES
        if any("more" in (branch.ends or {}) for exits in build(name).branches.values() for branch in exits.values())
    }
    assert looped == {name for name, _, _ in RESERVES}
