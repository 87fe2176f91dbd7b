"""Vectors of docs/reference/algorithms.md 8.4; greedy against exact, adaptive against the optimal policy."""

import random
from functools import cache
from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from its_graph.allocation.adaptive import AdaptiveAllocator
from its_graph.allocation.baselines import HARDEST_FIRST_WEIGHTS, proportional, uniform
from its_graph.allocation.curves import beta_curves, coverage_curves, majority_curves
from its_graph.allocation.knapsack import KnapsackItem, exact_knapsack, hull_knapsack
from its_graph.allocation.solvers import continuous, exact, expected_solved, greedy, hull_greedy
from its_graph.errors import ConfigurationError

P = [0.9, 0.5, 0.2, 0.05, 0.0]
BETAS = [(9, 1), (2, 2), (1, 9), (0.5, 20)]
probabilities = st.lists(st.floats(0, 1), min_size=1, max_size=5)


@pytest.mark.parametrize(
    ("budget", "best", "even", "multiplier", "samples"),
    [
        (5, 2.010000, 1.650000, 0.154168, [1.174, 2.169, 1.657, 0, 0]),
        (10, 2.537320, 2.197500, 0.070223, [1.516, 3.303, 5.181, 0, 0]),
        (20, 3.024636, 2.713294, 0.037639, [1.787, 4.203, 7.976, 6.035, 0]),
        (40, 3.549469, 3.164901, 0.017365, [2.123, 5.319, 11.443, 21.116, 0]),
    ],
)
def test_known_success_probabilities(
    budget: int, best: float, even: float, multiplier: float, samples: list[float]
) -> None:
    curves = coverage_curves(P, 64)
    counts = greedy(curves, budget)
    assert counts.sum() == budget
    assert counts[-1] == 0
    assert expected_solved(curves, counts) == pytest.approx(best, abs=1e-6)
    assert expected_solved(curves, uniform(5, budget)) == pytest.approx(even, abs=1e-6)
    relaxed, value_of_budget = continuous(P, budget)
    assert value_of_budget == pytest.approx(multiplier, abs=1e-6)
    assert relaxed.tolist() == pytest.approx(samples, abs=1e-3)
    assert relaxed.sum() == pytest.approx(budget)


def test_problems_that_never_or_always_succeed() -> None:
    assert continuous([1.0, 0.0, 0.5], 3)[0].tolist() == pytest.approx([1, 0, 2])
    assert greedy(coverage_curves([1.0, 0.0], 8), 5).tolist() == [1, 0]


def test_beta_priors() -> None:
    assert beta_curves([1], [1], 3)[0, 3] == pytest.approx(0.75)
    assert beta_curves([2], [3], 4)[0, 4] == pytest.approx(0.785714, abs=1e-6)
    curves = beta_curves([a for a, _ in BETAS], [b for _, b in BETAS], 16)
    assert expected_solved(curves, greedy(curves, 4)) == pytest.approx(1.7)
    assert expected_solved(curves, greedy(curves, 12)) == pytest.approx(2.238961, abs=1e-6)


@given(probabilities, st.integers(0, 12))
@settings(max_examples=200, deadline=None)
def test_greedy_is_exact_on_known_probabilities(p: list[float], budget: int) -> None:
    curves = coverage_curves(p, 12)
    counts = greedy(curves, budget)
    assert counts.sum() <= budget
    assert expected_solved(curves, counts) == pytest.approx(expected_solved(curves, exact(curves, budget)), abs=1e-9)


@given(st.lists(st.tuples(st.floats(0.1, 20), st.floats(0.1, 20)), min_size=1, max_size=5), st.integers(0, 12))
@settings(max_examples=200, deadline=None)
def test_greedy_is_exact_on_beta_priors(prior: list[tuple[float, float]], budget: int) -> None:
    curves = beta_curves([a for a, _ in prior], [b for _, b in prior], 12)
    assert expected_solved(curves, greedy(curves, budget)) == pytest.approx(
        expected_solved(curves, exact(curves, budget)), abs=1e-9
    )


@pytest.mark.parametrize(
    ("p", "costs", "budget", "counts", "value"),
    [([0.6, 0.5], [1, 3], 4, [1, 1], 1.1), ([0.3, 0.4, 0.8], [1, 2, 3], 6, [1, 1, 1], 1.5)],
)
def test_different_costs(p: list[float], costs: list[int], budget: int, counts: list[int], value: float) -> None:
    curves = coverage_curves(p, 8)
    allocated = exact(curves, budget, costs)
    assert allocated.tolist() == counts
    assert expected_solved(curves, allocated) == pytest.approx(value)


@given(probabilities, st.data())
@settings(max_examples=100, deadline=None)
def test_exact_is_the_best_of_all_and_within_the_budget(p: list[float], data: Any) -> None:
    costs = [data.draw(st.integers(1, 4)) for _ in p]
    budget = data.draw(st.integers(0, 8))
    curves = majority_curves(p, 4)
    allocated = exact(curves, budget, costs)
    assert sum(n * t for n, t in zip(allocated, costs, strict=True)) <= budget
    best = max(
        expected_solved(curves, counts)
        for counts in product(range(5), repeat=len(p))
        if sum(n * t for n, t in zip(counts, costs, strict=True)) <= budget
    )
    assert expected_solved(curves, allocated) == pytest.approx(best)


MENUS = [
    [KnapsackItem(0, 0), KnapsackItem(0.9, 1), KnapsackItem(0.95, 4)],
    [KnapsackItem(0, 0), KnapsackItem(0.2, 1), KnapsackItem(0.6, 4), KnapsackItem(0.7, 16)],
]


@pytest.mark.parametrize(("budget", "value"), [(2, 1.1), (5, 1.5), (8, 1.55), (17, 1.6), (20, 1.65)])
def test_menus(budget: int, value: float) -> None:
    chosen = exact_knapsack(MENUS, budget)
    assert sum(menu[index].cost for menu, index in zip(MENUS, chosen, strict=True)) <= budget
    assert sum(menu[index].value for menu, index in zip(MENUS, chosen, strict=True)) == pytest.approx(value)


@pytest.mark.parametrize(("budget", "value"), [(2, 1.1), (5, 1.5), (8, 1.55), (20, 1.65)])
def test_menus_along_their_hulls(budget: int, value: float) -> None:
    """At 17 the hull stays at 1.55: the optimum reverts an upgrade that greedy has made."""
    chosen = hull_knapsack(MENUS, budget)
    assert sum(menu[index].value for menu, index in zip(MENUS, chosen, strict=True)) == pytest.approx(value)


def test_hulls_are_near_optimal_and_never_exceed_the_budget() -> None:
    draw = random.Random(1)
    losses = []
    for _ in range(200):
        menus = [
            [KnapsackItem(0, 0), *(KnapsackItem(draw.random(), draw.randint(1, 9)) for _ in range(draw.randint(1, 4)))]
            for _ in range(draw.randint(1, 6))
        ]
        budget = draw.randint(0, 25)
        values = []
        for choose in (exact_knapsack, hull_knapsack):
            chosen = choose(menus, budget)
            assert sum(menu[index].cost for menu, index in zip(menus, chosen, strict=True)) <= budget
            values.append(sum(menu[index].value for menu, index in zip(menus, chosen, strict=True)))
        losses.append(values[0] - values[1])
    assert min(losses) >= -1e-9
    assert sum(losses) / len(losses) < 0.05


def test_greedy_rejects_votes_but_hulls_accept_them() -> None:
    curves = majority_curves([0.9, 0.6, 0.55, 0.3], 12)
    with pytest.raises(ConfigurationError, match="must be concave"):
        greedy(curves, 12)
    assert expected_solved(curves, [1, 1, 1, 1]) == pytest.approx(2.35)
    assert expected_solved(curves, exact(curves, 12)) == pytest.approx(2.532208, abs=1e-6)
    assert expected_solved(curves, hull_greedy(curves, 12)) == pytest.approx(2.532208, abs=1e-6)
    assert hull_greedy(curves, 12).tolist() == [3, 7, 1, 1]


def play(p: tuple[float, ...], adaptive: AdaptiveAllocator, budget: int) -> float:
    """Expected number of solved problems of an allocator, over all verdicts."""

    def expect(verdicts: tuple[bool, ...]) -> float:
        policy = AdaptiveAllocator(adaptive._a, adaptive._b)
        index = policy.next_problem()
        for success in verdicts:
            if index is not None and not success:
                policy.record_failure(index)
            index = policy.next_problem()
        if index is None or len(verdicts) == budget:
            return 0.0
        return p[index] * (1 + expect((*verdicts, True))) + (1 - p[index]) * expect((*verdicts, False))

    return expect(())


def test_adaptive_on_known_probabilities() -> None:
    sure = 1e9
    adaptive = AdaptiveAllocator([0.9 * sure, 0.5 * sure], [0.1 * sure, 0.5 * sure])
    assert play((0.9, 0.5), adaptive, 2) == pytest.approx(1.44)


def expected(prior: tuple[tuple[float, float], ...], budget: int, *, myopic: bool) -> float:
    """Expected successes under Beta priors of the optimal policy, or of `AdaptiveAllocator`."""

    @cache
    def value(state: tuple[tuple[float, float] | None, ...], left: int) -> float:
        unsolved = [index for index, beta in enumerate(state) if beta is not None]
        if not left or not unsolved:
            return 0.0
        if myopic:
            allocator = AdaptiveAllocator(
                [beta[0] if beta else 0.0 for beta in state], [beta[1] if beta else 1.0 for beta in state]
            )
            chosen = allocator.next_problem()
            unsolved = [] if chosen is None else [chosen]
        return max(pull(state, index, left) for index in unsolved)

    def pull(state: tuple[tuple[float, float] | None, ...], index: int, left: int) -> float:
        a, b = state[index] or (0.0, 1.0)
        won, lost = ((*state[:index], new, *state[index + 1 :]) for new in (None, (a, b + 1)))
        return a / (a + b) * (1 + value(won, left - 1)) + b / (a + b) * value(lost, left - 1)

    return value(prior, budget)


def test_adaptive_is_the_optimal_policy() -> None:
    assert expected(((1, 1), (2, 4)), 4, myopic=True) == pytest.approx(1.277778, abs=1e-6)
    draw = random.Random(2)
    for _ in range(60):
        prior = tuple((draw.uniform(0.2, 5), draw.uniform(0.2, 5)) for _ in range(draw.randint(1, 3)))
        budget = draw.randint(1, 5)
        assert expected(prior, budget, myopic=True) == pytest.approx(expected(prior, budget, myopic=False))


def test_adaptive_respects_the_budget_and_ends() -> None:
    adaptive = AdaptiveAllocator([1, 1, 0], [1, 3, 1], [5, 2, 1])
    assert adaptive.next_problem(budget=4) == 1
    adaptive.record_failure(1)
    assert adaptive.next_problem(budget=1) is None
    assert [adaptive.next_problem(), adaptive.next_problem(), adaptive.next_problem()] == [0, 1, None]
    with pytest.raises(ConfigurationError, match="prior and a cost"):
        AdaptiveAllocator([1], [1], [0])


def test_shares_sum_to_the_budget() -> None:
    assert sum(proportional([1, 4, 16, 64] * 25, 1000)) == 1000
    assert proportional([1, 1, 1], 10) == [4, 3, 3]
    assert proportional([0, 1], 5, minimum=1) == [1, 4]
    with pytest.raises(ConfigurationError, match="Cannot divide 1 samples among 2"):
        proportional([1, 1], 1, minimum=1)


@pytest.fixture(scope="module")
def population() -> Any:
    """2,000 problems: 35 % easy, 39 % hard, 26 % unsolvable."""
    draw = np.random.default_rng(0)
    kind = draw.choice(3, size=2000, p=[0.35, 0.39, 0.26])
    easy, hard = draw.beta(8, 2, 2000), draw.beta(1.2, 6, 2000)
    return np.where(kind == 0, easy, np.where(kind == 1, hard, 0.0))


@pytest.mark.parametrize("mean", [4, 8, 16])
def test_hardest_first_is_worse_than_uniform(population: Any, mean: int) -> None:
    budget = mean * len(population)
    curves = coverage_curves(population, 256)
    ranks = population.argsort().argsort() * 4 // len(population)
    weights = [float(HARDEST_FIRST_WEIGHTS[3 - rank]) for rank in ranks]
    values = {
        "greedy": expected_solved(curves, greedy(curves, budget)),
        "uniform": expected_solved(curves, uniform(len(population), budget)),
        "hardest first": expected_solved(curves, np.minimum(proportional(weights, budget), 256)),
        "hardest first, at least one": expected_solved(
            curves, np.minimum(proportional(weights, budget, minimum=1), 256)
        ),
    }
    assert values["hardest first"] < values["hardest first, at least one"] < values["uniform"] < values["greedy"]
    assert values["greedy"] / len(population) == pytest.approx({4: 0.598, 8: 0.669, 16: 0.711}[mean], abs=0.02)
    assert values["uniform"] / len(population) == pytest.approx({4: 0.520, 8: 0.591, 16: 0.650}[mean], abs=0.02)


def test_a_hundred_thousand_problems() -> None:
    p = np.random.default_rng(1).random(100_000)
    counts = greedy(coverage_curves(p.tolist(), 64), 800_000)
    assert counts.sum() == 800_000
    gains = np.where(counts > 0, p * (1 - p) ** (counts - 1), np.inf)
    assert gains.min() >= (p * (1 - p) ** counts).max() - 1e-12


@pytest.mark.parametrize("p", [[1.5], [float("nan")], [[0.5]]])
def test_probabilities_out_of_range(p: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"p must be a list of numbers in \[0"):
        coverage_curves(p, 4)


def test_an_empty_prior() -> None:
    with pytest.raises(ConfigurationError, match=r"a \+ b must be above 0"):
        beta_curves([1, 0], [1, 0], 4)
    assert beta_curves([0.0, 2.0], [1.0, 0.0], 2).tolist() == [[0, 0, 0], [0, 1, 1]]


def test_a_negative_budget() -> None:
    with pytest.raises(ConfigurationError, match="budget must be >= 0; got -1"):
        greedy(coverage_curves([0.5], 4), -1)
    with pytest.raises(ConfigurationError, match="cheapest items, which cost 1"):
        exact_knapsack([[KnapsackItem(0.5, 1)]], 0)
