"""Bandit rules against the vectors of docs/reference/algorithms.md 3.1, 3.2 and 3.5."""

import math
from random import Random

import pytest

from its_graph.nodes.rules.types import ArmRule, BanditArm
from its_graph.nodes.tree_search.bandit import priors, puct, rest_ucb, ucb1


@pytest.mark.parametrize(("q", "n", "priority"), [(0.5, 2, 2.017198), (0.6, 3, 1.838787), (0.8, 5, 1.759560)])
def test_ucb1(q: float, n: int, priority: float) -> None:
    """Reference 3.1: N_parent = 10, c = 1.414."""
    assert ucb1(BanditArm(q, n, 10), 1.414) == pytest.approx(priority, abs=1e-6)


def test_ucb1_visits_everybody_once_first() -> None:
    assert ucb1(BanditArm(0.0, 0, 10), 1.414) == math.inf


@pytest.mark.parametrize(
    ("arm", "priority"), [(BanditArm(0.5, 2, 10, prior=0.3), 0.895285), (BanditArm(0.6, 3, 9, prior=0.5), 1.06875)]
)
def test_puct(arm: BanditArm, priority: float) -> None:
    """Reference 3.1: Q + c P sqrt(N_parent) / (1 + N), c = 1.25."""
    assert puct(arm, 1.25) == pytest.approx(priority, abs=1e-6)


@pytest.mark.parametrize(("v", "n", "priority"), [(0.5, 2, 1.562199), (0.8, 5, 1.471794), (0.4, 0, 1.4)])
def test_rest_ucb(v: float, n: int, priority: float) -> None:
    """Reference 3.2: V + c sqrt(2 ln N_parent / N), c = 0.7, N_parent = 10; unvisited V + 1."""
    assert rest_ucb(BanditArm(v, n, 10), 0.7) == pytest.approx(priority, abs=1e-6)


def test_a_parent_without_visits_takes_no_logarithm_of_zero() -> None:
    """Reference 3.2: no logarithm of 0."""
    assert rest_ucb(BanditArm(0.4, 1, 0), 0.7) == 0.4


def test_priors_follow_the_generators_confidence_or_are_equal() -> None:
    assert priors([math.log(0.6), math.log(0.2)]) == pytest.approx([0.75, 0.25])
    assert priors([None, -1.0]) == [0.5, 0.5]


@pytest.mark.parametrize(("rule", "exploration"), [(ucb1, 0.5), (puct, 1.25), (rest_ucb, 0.3)])
@pytest.mark.parametrize("seed", range(3))
def test_on_a_bandit_with_a_known_best_arm_it_is_pulled_most(rule: ArmRule, exploration: float, seed: int) -> None:
    chance, chances = Random(seed), (0.2, 0.5, 0.8, 0.4)
    wins, pulls = [0.0] * 4, [0] * 4
    for total in range(400):
        arms = [BanditArm(won / max(count, 1), count, total, 0.25) for won, count in zip(wins, pulls, strict=True)]
        chosen = max(range(4), key=lambda candidate: rule(arms[candidate], exploration))
        wins[chosen] += chance.random() < chances[chosen]
        pulls[chosen] += 1
    assert pulls.index(max(pulls)) == 2
    assert pulls[2] > 300
