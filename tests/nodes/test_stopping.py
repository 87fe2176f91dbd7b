"""Stop rules against the vectors of algorithms.md section 1.4."""

from collections.abc import Callable

import pytest

from its_graph.nodes.stopping import (
    adaptive_consistency,
    all_sampled,
    beta_confidence,
    e_value,
    mixture_e_value,
    unanimous_window,
)
from its_graph.tree import Tree

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
    """algorithms.md 1.4.1: P = 1 - I_{1/2}(a+1, b+1)."""
    assert beta_confidence(a, b) == pytest.approx(confidence, abs=1e-6)


def first_stop(rule: Callable[[Tree], str | None], solutions: MakeTree, stream: list[str | None]) -> int | None:
    """Return after how many samples the rule stops."""
    return next((n for n in range(1, len(stream) + 1) if rule(solutions(stream[:n]))), None)


@pytest.mark.parametrize(("stream", "stop"), [("AAAA", 4), ("AAABAAA", 7), ("AAA", None), ("AABB", None)])
def test_adaptive_consistency_streams(solutions: MakeTree, stream: str, stop: int | None) -> None:
    """algorithms.md 1.4.1: AAAA -> stops at 4; AAABAAA -> stops at 7."""
    assert first_stop(adaptive_consistency(), solutions, list(stream)) == stop


@pytest.mark.parametrize(
    ("stream", "stop"),
    [(list("AAAAA"), 5), (list("BBBABAAAAA"), 10), ([None] * 5, None), (list("BAAAAA"), None), (list("AAAA"), None)],
)
def test_unanimous_window_streams(solutions: MakeTree, stream: list[str | None], stop: int | None) -> None:
    """algorithms.md 1.4.2, w = 5: windows follow one another, and five failures are not unanimous."""
    assert first_stop(unanimous_window(5), solutions, stream) == stop


@pytest.mark.parametrize(
    ("s", "f", "e"),
    [(4, 0, 3.2), (7, 0, 16), (8, 0, 28.4444), (7, 1, 3.5556), (10, 1, 15.5152), (11, 1, 26.2564), (5, 5, 0.3694)],
)
def test_mixture_e_value(s: int, f: int, e: float) -> None:
    """algorithms.md 1.4.3: e = 2^n s! f! / (n+1)!."""
    assert mixture_e_value(s, f) == pytest.approx(e, abs=5e-5)


@pytest.mark.parametrize(("stream", "stop"), [("A" * 9, 8), ("B" + "A" * 12, 12), ("AB" * 10, None)])
def test_e_value_streams(solutions: MakeTree, stream: str, stop: int | None) -> None:
    """algorithms.md 1.4.3 at 1/delta = 20: (8,0) stops, (11,1) stops, a tie never does."""
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
