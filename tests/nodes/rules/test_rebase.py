"""REBASE's widths against the vectors of docs/reference/algorithms.md 2.4."""

import math
from collections import Counter
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from its_graph.errors import ConfigurationError
from its_graph.nodes.rules.rebase import rebase, rebase_widths, unit_scores
from its_graph.search.tree import Tree

FrontierOf = Callable[..., Tree]
OPEN = "stop_string"

scores_in_unit = st.lists(st.floats(0, 1), min_size=1, max_size=12)


@pytest.mark.parametrize(
    ("scores", "width", "widths"),
    [
        ([0.9, 0.8, 0.1], 8, [5, 3, 0]),
        ([0.9, 0.8, 0.1], 4, [3, 1, 0]),
        ([0.5, 0.5, 0.5, 0.5], 8, [2, 2, 2, 2]),
        ([0.9, 0.9], 3, [2, 1]),
        ([0.7, 0.6, 0.5, 0.4], 16, [8, 5, 2, 1]),
    ],
)
def test_widths(scores: list[float], width: int, widths: list[int]) -> None:
    """Reference 2.4, T = .2."""
    assert rebase_widths(scores, width, 0.2) == widths
    assert rebase_widths(scores, width) == widths


def test_widths_belong_to_their_scores_in_any_order() -> None:
    assert rebase_widths([0.1, 0.9, 0.8], 8) == [0, 5, 3]
    assert rebase_widths([0.9, 0.1, 0.9], 3) == [2, 0, 1]


@given(scores=scores_in_unit, width=st.integers(0, 64), temperature=st.floats(1e-3, 10))
def test_the_widths_add_up_and_fall_with_the_score(scores: list[float], width: int, temperature: float) -> None:
    """Reference 2.4: sum n_j = W; a better path never gets less, and the best one gets its share at least."""
    widths = rebase_widths(scores, width, temperature)
    assert sum(widths) == width
    assert all(one >= 0 for one in widths)
    falling = sorted(range(len(scores)), key=lambda index: -scores[index])
    assert [widths[index] for index in falling] == sorted(widths, reverse=True)


@given(paths=st.integers(1, 40), width=st.integers(0, 200), score=st.floats(0, 1))
def test_equal_scores_share_evenly_to_the_last_one(paths: int, width: int, score: float) -> None:
    """No rounding error gives a whole share one more: every path gets the floor or the ceiling of width / paths."""
    best, *others = rebase_widths([1.0] + [score] * paths, width)
    left = width - best
    assert set(others) <= {left // paths, math.ceil(left / paths)}
    assert others == sorted(others, reverse=True)


@pytest.mark.parametrize(
    ("scores", "width", "widths"),
    [([0.9, 0.5, 0.5], 10, [8, 1, 1]), ([0.9, 0.7, 0.7], 5, [3, 1, 1]), ([0.9, 0.6, 0.6, 0.6], 8, [5, 1, 1, 1])],
)
def test_a_whole_share_stays_whole(scores: list[float], width: int, widths: list[int]) -> None:
    """In floating point e / (2 e) comes out a little above one half, and the last path would get nothing."""
    assert rebase_widths(scores, width) == widths


def test_a_tiny_temperature_gives_all_to_the_best() -> None:
    assert rebase_widths([0.5, 0.9, 0.8], 8, 1e-9) == [0, 8, 0]


def test_nothing_to_share_out() -> None:
    assert rebase_widths([], 8) == []
    assert rebase_widths([0.5, 0.4], 0) == [0, 0]


def test_the_width_shrinks_with_every_path_that_ended(frontier_of: FrontierOf) -> None:
    """Reference 2.4: W = budget - finished leaves so far; the published code counts cut-off ones among them."""
    tree = frontier_of(
        ("0", None, "a", 0.9, OPEN),
        ("1", None, "b", 0.8, OPEN),
        ("2", None, "c", 0.1, OPEN),
        ("3", None, "d", 0.5, "end"),
        ("4", None, "e", 0.5, "length"),
    )
    assert Counter(rebase(10)(tree)) == {"0": 5, "1": 3}
    assert Counter(rebase(6)(tree)) == {"0": 3, "1": 1}


def test_paths_that_ended_earlier_count_and_rollouts_do_not(frontier_of: FrontierOf) -> None:
    tree = frontier_of(("0", None, "a", 0.9, "end"), ("1", None, "b", 0.8, OPEN), ("2", "1", "c", 0.1, OPEN))
    tree.new_steps = ["2"]
    assert rebase(4)(tree) == ["2"] * 3
    auxiliary = frontier_of(("0", None, "a", 0.9, OPEN), ("1", "0", "b", 0.8, "end"))
    auxiliary.steps["1"]["auxiliary"] = "rollout"
    auxiliary.new_steps = ["0"]
    assert rebase(4)(auxiliary) == ["0"] * 4


def test_only_the_best_share_of_the_paths_competes(frontier_of: FrontierOf) -> None:
    """Reference 2.4: the optional truncation keeps the top ceil(ratio x count)."""
    tree = frontier_of(*[(str(index), None, f"t{index}", 0.5, OPEN) for index in range(5)])
    assert Counter(rebase(10, keep_share=0.4)(tree)) == {"0": 5, "1": 5}
    assert Counter(rebase(10, keep_share=0.41)(tree)) == {"0": 4, "1": 3, "2": 3}
    assert Counter(rebase(10)(tree)) == dict.fromkeys("01234", 2)


def test_a_path_without_a_score_counts_as_the_mean(frontier_of: FrontierOf) -> None:
    tree = frontier_of(("0", None, "a", 0.9, OPEN), ("1", None, "b", None, OPEN), ("2", None, "c", 0.1, OPEN))
    assert unit_scores(tree, ["0", "1", "2"], "prob") == [0.9, 0.5, 0.1]
    assert unit_scores(tree, ["1"], "prob") == [0.5]
    assert Counter(rebase(16, temperature=1.0)(tree)) == {"0": 8, "1": 5, "2": 3}


def test_unbounded_scores_are_squashed_first(frontier_of: FrontierOf) -> None:
    """Raw, 2 and 0 at T = .2 would share 8 as 8, 0."""
    tree = frontier_of(("0", None, "a", 2.0, OPEN), ("1", None, "b", 0.0, OPEN))
    assert unit_scores(tree, ["0", "1"], "real") == pytest.approx([0.880797, 0.5])
    assert Counter(rebase(8, score_range="real")(tree)) == {"0": 7, "1": 1}


@pytest.mark.parametrize("options", [{"temperature": 0}, {"temperature": -1}, {"keep_share": 0}, {"keep_share": 1.1}])
def test_invalid_options_are_rejected(options: dict[str, float]) -> None:
    with pytest.raises(ConfigurationError, match="got"):
        rebase(8, **options)  # type: ignore[arg-type]
