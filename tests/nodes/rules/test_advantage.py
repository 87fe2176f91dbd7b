"""The effective reward against the vectors of docs/reference/algorithms.md 2.6."""

from collections.abc import Callable

import pytest

from its_graph.errors import ConfigurationError
from its_graph.nodes.rules.advantage import advantage, effective_reward
from its_graph.nodes.rules.frontier import top_k
from its_graph.search.tree import Tree

FrontierOf = Callable[..., Tree]
OPEN = "stop_string"


@pytest.mark.parametrize(
    ("before", "after", "effective"), [(0.2, 0.3, 0.38475), (0.5, 0.5, 0.5), (0.9, 0.95, 0.950047)]
)
def test_effective_reward(before: float, after: float, effective: float) -> None:
    """Reference 2.6, K = 4, alpha = .5; the advantages behind them are .1695, 0 and .00009375."""
    assert effective_reward(before, after, alpha=0.5, k=4) == pytest.approx(effective, abs=1e-6)
    assert effective_reward(before, after) == pytest.approx(effective, abs=1e-6)


@pytest.mark.parametrize(("before", "after", "gain"), [(0.2, 0.3, 0.1695), (0.5, 0.5, 0.0), (0.9, 0.95, 0.00009375)])
def test_the_advantage_is_the_provers_gain(before: float, after: float, gain: float) -> None:
    """Reference 2.6: A = Q^BoK(after) - Q^BoK(before)."""
    assert effective_reward(before, after, alpha=1.0) - after == pytest.approx(gain, abs=1e-9)
    assert effective_reward(before, after, alpha=0.0) == after


def test_with_one_sample_the_prover_is_the_generator_itself() -> None:
    assert effective_reward(0.2, 0.3, alpha=1.0, k=1) == pytest.approx(0.4)


def two_parents(frontier_of: FrontierOf) -> Tree:
    """Two open paths of equal Q: one rose from .2, the other one fell from .8."""
    tree = frontier_of(
        ("0", None, "a", 0.8, OPEN), ("1", None, "b", 0.2, OPEN), ("2", "0", "c", 0.5, OPEN), ("3", "1", "d", 0.5, OPEN)
    )
    return tree


def test_of_two_steps_with_equal_q_the_one_that_made_progress_is_kept(frontier_of: FrontierOf) -> None:
    """Reference 2.6: two steps with equal Q^pi: the one with A > 0 is kept."""
    tree = two_parents(frontier_of)
    assert top_k(1, 1)(tree) == ["2"]
    assert top_k(1, 1, advantage())(tree) == ["3"]
    assert advantage()(tree, "3") == pytest.approx(effective_reward(0.2, 0.5))
    assert advantage(alpha=0.2, k=2)(tree, "2") == pytest.approx(effective_reward(0.8, 0.5, alpha=0.2, k=2))


def test_first_steps_start_from_the_mean_of_their_siblings(frontier_of: FrontierOf) -> None:
    tree = frontier_of(("0", None, "a", 0.8, OPEN), ("1", None, "b", 0.4, OPEN), ("2", None, "c", None, OPEN))
    assert advantage()(tree, "0") == pytest.approx(effective_reward(0.6, 0.8))
    assert advantage()(tree, "2") is None


def test_a_parent_without_a_score_gives_way_to_the_siblings(frontier_of: FrontierOf) -> None:
    tree = frontier_of(
        ("0", None, "a", None, OPEN),
        ("1", "0", "b", 0.8, OPEN),
        ("2", "0", "c", 0.4, OPEN),
        ("3", None, "d", 0.1, OPEN),
    )
    assert advantage()(tree, "1") == pytest.approx(effective_reward(0.6, 0.8))


def test_unbounded_scores_are_squashed_first(frontier_of: FrontierOf) -> None:
    tree = frontier_of(("0", None, "a", 0.0, OPEN), ("1", "0", "b", 40.0, OPEN), ("2", None, "c", -40.0, OPEN))
    rule = advantage(score_range="real")
    assert rule(tree, "1") == pytest.approx(effective_reward(0.5, 1.0))
    assert rule(tree, "2") == pytest.approx(effective_reward(0.25, 0.0))


@pytest.mark.parametrize("options", [{"alpha": -0.1}, {"k": 0}])
def test_invalid_options_are_rejected(options: dict[str, float]) -> None:
    with pytest.raises(ConfigurationError, match="got alpha="):
        advantage(**options)  # type: ignore[arg-type]
