"""Stop rules against the vectors of docs/reference/algorithms.md 1.4."""

import math
from collections.abc import Callable
from typing import Any, TypedDict

import pytest
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, StateGraph
from langgraph.managed import RemainingSteps

from its_graph.nodes.rules.stopping import (
    adaptive_consistency,
    all_sampled,
    beta_confidence,
    e_value,
    mixture_e_value,
    out_of_steps,
    unanimous_window,
)
from its_graph.search.tree import Tree

MakeTree = Callable[..., Tree]


@pytest.mark.parametrize(
    ("a", "b", "confidence"),
    [
        (0, 0, 0.5),
        (1, 0, 0.75),
        (3, 0, 0.9375),
        (4, 0, 0.96875),
        (3, 1, 0.8125),
        (4, 1, 0.890625),
        (5, 1, 0.9375),
        (6, 1, 0.964844),
        (7, 2, 0.945312),
        (8, 2, 0.967285),
    ],
)
def test_beta_confidence(a: int, b: int, confidence: float) -> None:
    """Reference 1.4.1: P = 1 - I_{1/2}(a+1, b+1)."""
    assert beta_confidence(a, b) == pytest.approx(confidence, abs=1e-6)


def first_stop(rule: Callable[[Tree], str | None], solutions: MakeTree, stream: list[str | None]) -> int | None:
    """Return after how many samples the rule stops."""
    return next((n for n in range(1, len(stream) + 1) if rule(solutions(stream[:n]))), None)


@pytest.mark.parametrize(("stream", "stop"), [("AAAA", 4), ("AAABAAA", 7), ("AAA", None), ("AABB", None)])
def test_adaptive_consistency_streams(solutions: MakeTree, stream: str, stop: int | None) -> None:
    """Reference 1.4.1: AAAA -> stops at 4; AAABAAA -> stops at 7."""
    assert first_stop(adaptive_consistency(), solutions, list(stream)) == stop


@pytest.mark.parametrize(
    ("stream", "stop"),
    [(list("AAAAA"), 5), (list("BBBABAAAAA"), 10), ([None] * 5, None), (list("BAAAAA"), None), (list("AAAA"), None)],
)
def test_unanimous_window_streams(solutions: MakeTree, stream: list[str | None], stop: int | None) -> None:
    """Reference 1.4.2, w = 5: windows follow one another, and five failures are not unanimous."""
    assert first_stop(unanimous_window(5), solutions, stream) == stop


@pytest.mark.parametrize(
    ("s", "f", "e"),
    [(4, 0, 3.2), (7, 0, 16), (8, 0, 28.4444), (7, 1, 3.5556), (10, 1, 15.5152), (11, 1, 26.2564), (5, 5, 0.3694)],
)
def test_mixture_e_value(s: int, f: int, e: float) -> None:
    """Reference 1.4.3: e = 2^n s! f! / (n+1)!."""
    assert mixture_e_value(s, f) == pytest.approx(e, abs=5e-5)


@pytest.mark.parametrize(("stream", "stop"), [("A" * 9, 8), ("B" + "A" * 12, 12), ("AB" * 10, None)])
def test_e_value_streams(solutions: MakeTree, stream: str, stop: int | None) -> None:
    """Reference 1.4.3 at 1/delta = 20: (8,0) stops, (11,1) stops, a tie never does."""
    assert first_stop(e_value(), solutions, list(stream)) == stop


def test_the_e_value_is_an_e_value() -> None:
    """Its expectation under p = 1/2 is 1 at every n: that is the whole guarantee (Ville)."""
    from math import comb

    for n in range(1, 30):
        mean = sum(comb(n, s) * mixture_e_value(s, n - s) for s in range(n + 1)) / 2**n
        assert mean == pytest.approx(1.0)


def test_failed_samples_count_as_drawn() -> None:
    tree = Tree.of(
        {"steps": {}, "failures": {"0": {"parent": None, "reason": "x"}, "1": {"parent": None, "reason": "x"}}}
    )
    assert all_sampled(2)(tree) == "completed"
    assert all_sampled(3)(tree) is None


@pytest.mark.parametrize(("s", "f"), [(1040, 0), (5000, 3)])
def test_an_e_value_beyond_all_floats_is_infinite(s: int, f: int) -> None:
    assert mixture_e_value(s, f) == mixture_e_value(f, s) == math.inf


def test_the_e_value_of_many_samples_is_exact() -> None:
    """e = 2^n / (n+1) for a unanimous vote: the last that fits into a float, and a tie of 2,000 samples."""
    assert mixture_e_value(1033, 0) == pytest.approx(math.ldexp(1, 1023) / 1034 * 2**10)
    assert 0 < mixture_e_value(1000, 1000) < 0.03


# --- the recursion limit, on a loop of three supersteps with two more behind it --------------------------------------


class Loop(TypedDict, total=False):
    rounds: int
    why: str | None
    remaining_steps: RemainingSteps


class Counted(TypedDict):
    rounds: int
    why: str | None


def loop(supersteps: int, **compiled: Any) -> Any:
    def decide(state: Loop) -> dict[str, Any]:
        tree = Tree.of({"remaining_steps": state["remaining_steps"]})
        return {"rounds": state["rounds"] + 1, "why": out_of_steps(supersteps)(tree)}

    graph: StateGraph[Loop, None, Loop, Counted] = StateGraph(Loop, output_schema=Counted)
    for name in ("expand", "verify", "finish", "answer"):
        graph.add_node(name, lambda state: {})
    graph.add_node("select", decide)
    graph.add_edge(START, "expand")
    graph.add_edge("expand", "verify")
    graph.add_edge("verify", "select")
    graph.add_conditional_edges(
        "select", lambda state: "enough" if state["why"] else "more", {"more": "expand", "enough": "finish"}
    )
    graph.add_edge("finish", "answer")
    graph.add_edge("answer", END)
    return graph.compile(**compiled)


@pytest.mark.parametrize("limit", range(6, 30))
def test_a_search_stops_before_the_recursion_limit_ends_it(limit: int) -> None:
    """n whole rounds and the way to the end are 3 n + 2 supersteps, and LangGraph counts one more at the end.

    It makes as many rounds as the limit allows, and not one less.
    """
    out = loop(3 + 2).invoke({"rounds": 0}, {"recursion_limit": limit})
    assert out == {"rounds": (limit - 3) // 3, "why": "recursion_limit"}


def test_an_inherited_limit_and_a_used_thread_start_over() -> None:
    parent: StateGraph[Counted, None, Counted, Counted] = StateGraph(Counted)
    for name in ("before", "between", "search"):
        parent.add_node(name, loop(5) if name == "search" else (lambda state: {"rounds": 0}))
    parent.add_edge(START, "before")
    parent.add_edge("before", "between")
    parent.add_edge("between", "search")
    graph = parent.compile(checkpointer=InMemorySaver())
    config: RunnableConfig = {"configurable": {"thread_id": "1"}, "recursion_limit": 25}
    for _ in range(2):
        assert graph.invoke({"rounds": 0, "why": None}, config) == {"rounds": 7, "why": "recursion_limit"}


def test_outside_a_graph_there_is_no_limit() -> None:
    assert out_of_steps(5)(Tree.of({})) is None
