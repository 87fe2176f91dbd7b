"""Samples with unequal costs: docs/reference/algorithms.md 8.4.5, and the same as `greedy` at unit costs."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from its_graph.allocation.curves import beta_curves, coverage_curves
from its_graph.allocation.solvers import exact, expected_solved, greedy
from its_graph.allocation.unequal_costs import greedy_with_costs
from its_graph.errors import ConfigurationError

probabilities = st.lists(st.floats(0, 1), min_size=1, max_size=6)


@given(probabilities, st.integers(0, 12))
@settings(max_examples=100, deadline=None)
def test_at_unit_costs_it_is_greedy(p: list[float], budget: int) -> None:
    curves = coverage_curves(p, 12)
    counts = greedy_with_costs(curves, [1.0] * len(p), budget)
    assert expected_solved(curves, counts) == pytest.approx(expected_solved(curves, greedy(curves, budget)), abs=1e-9)
    assert counts.sum() <= budget


@given(st.lists(st.tuples(st.floats(0.01, 1), st.integers(1, 5)), min_size=1, max_size=5), st.integers(0, 20))
@settings(max_examples=100, deadline=None)
def test_it_stays_within_the_budget_and_loses_at_most_one_sample(
    problems: list[tuple[float, int]], budget: int
) -> None:
    curves, costs = coverage_curves([p for p, _ in problems], 20), [cost for _, cost in problems]
    counts = greedy_with_costs(curves, [float(cost) for cost in costs], budget)
    assert counts @ np.array(costs) <= budget
    best = expected_solved(curves, exact(curves, budget, costs))
    assert expected_solved(curves, counts) <= best + 1e-9
    assert best - expected_solved(curves, counts) <= max(p for p, _ in problems) + 1e-9


def test_the_cheaper_of_two_equal_problems_comes_first_and_worthless_samples_are_not_drawn() -> None:
    assert greedy_with_costs(coverage_curves([0.3, 0.3], 8), [3.0, 1.0], 4).tolist() == [0, 4]
    assert greedy_with_costs(coverage_curves([0.0, 1.0], 8), [1.0, 1.0], 9).tolist() == [0, 1]
    assert greedy_with_costs(beta_curves([1], [1], 4), [2.5], 6.0).tolist() == [2]
    assert greedy_with_costs(beta_curves([], [], 4), [], 6.0).tolist() == []


@pytest.mark.parametrize("costs", [[1.0], [1.0, 0.0], [1.0, -1.0]])
def test_every_problem_needs_a_positive_cost(costs: list[float]) -> None:
    with pytest.raises(ConfigurationError, match="cost above 0"):
        greedy_with_costs(coverage_curves([0.3, 0.3], 8), costs, 4)


def test_a_negative_budget_is_rejected() -> None:
    with pytest.raises(ConfigurationError, match="budget must be >= 0"):
        greedy_with_costs(coverage_curves([0.3], 8), [1.0], -1)
