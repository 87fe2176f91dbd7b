"""docs/reference/algorithms.md 8.1: bins, tables, budgets; and properties of any measurements."""

import random
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from its_graph.catalog.strategy_config import StrategyConfig
from its_graph.errors import ConfigurationError
from its_graph.evaluation.router.policy_calibration import minimum_budget
from its_graph.routing.budget_constraint import select_on_average, select_per_bin
from its_graph.routing.fitting import default_budgets, fit_policy
from its_graph.routing.pareto_front import pareto_front
from its_graph.routing.policy import BudgetScope, Policy, quantile_thresholds
from its_graph.routing.trials import Trial, TrialResult, split_by_bin

Make = Callable[..., list[Trial]]

CONFIGS = [StrategyConfig(strategy="single")] + [
    StrategyConfig(strategy="best_of_n", options={"n": n}) for n in (2, 4, 8)
]


def fitted(problems: list[Trial], budgets: list[float], **options: Any) -> Policy:
    return fit_policy(problems, budgets, estimator="verifier", pilots=2, unit="flops", **options)


def world(count: int, seed: int, *, bins: int = 2) -> list[Trial]:
    """Easy problems that one sample solves, and hard ones for which more samples help."""
    chance = random.Random(seed)
    problems = []
    for number in range(count):
        hard = number % bins / max(bins - 1, 1)
        results = {}
        for index, config in enumerate(CONFIGS):
            solved = chance.random() < 1 - hard * 0.8 * 0.6**index
            results[config] = TrialResult(float(solved), 2.0**index * (1 + hard * 0.2))
        problems.append(Trial(hard * 0.9, results))
    return problems


def test_ten_questions_form_five_bins_of_two() -> None:
    difficulties = [1 - tenth / 10 for tenth in range(10)]
    thresholds = quantile_thresholds(difficulties, 5)
    groups = split_by_bin(
        [Trial(difficulty, {CONFIGS[0]: TrialResult(1, 1)}) for difficulty in difficulties], thresholds
    )
    assert [len(group) for group in groups] == [2, 2, 2, 2, 2]


def test_equal_difficulties_form_one_bin(trials: Make) -> None:
    policy = fitted(trials(*[(0.5, {"single": (1, 1), "best_of_n 4": (1, 4)})] * 10), [4.0])
    assert policy.thresholds == ()
    assert policy.table == ((StrategyConfig(strategy="single"),),)


def test_each_bin_gets_its_best_config() -> None:
    policy = fitted(world(400, 1), [1.2, 3.0, 20.0], bins=2, budget_scope="per_bin")
    assert [config.label for config in policy.table[0]] == ["single"] * 3
    assert [config.label for config in policy.table[1]] == ["single", "best_of_n n=2", "best_of_n n=8"]
    assert policy.budgets == (1.2, 3.0, 20.0)


def test_on_average_the_hard_bin_gets_the_budget_that_the_easy_one_leaves() -> None:
    """5 is less than the 9.6 of best-of-8 on a hard problem, and more than the mean of that and 1."""
    strict = fitted(world(400, 1), [5.5], bins=2, budget_scope="per_bin")
    shared = fitted(world(400, 1), [5.5], bins=2, budget_scope="on_average")
    assert [row[0].label for row in strict.table] == ["single", "best_of_n n=4"]
    assert [row[0].label for row in shared.table] == ["single", "best_of_n n=8"]
    assert shared.budget_scope == "on_average"


def test_curves_contain_all_measurements() -> None:
    policy = fitted(world(60, 2), [4.0], bins=2)
    assert [[point.config for point in curve] for curve in policy.curves] == [CONFIGS, CONFIGS]
    assert {point.problems for curve in policy.curves for point in curve} == {30}


def test_a_more_expensive_config_that_is_no_better_is_never_chosen(trials: Make) -> None:
    problems = trials(*[(0.5, {"best_of_n 8": (1, 8), "single": (1, 1), "best_of_n 2": (1, 1)})] * 4)
    assert [point.config.label for point in pareto_front(problems)] == ["single"]


def test_one_problem_never_decides(trials: Make) -> None:
    better = (0.5, {"single": (0, 1), "best_of_n 4": (1, 4)})
    level = (0.5, {"single": (1, 1), "best_of_n 4": (1, 4)})
    assert len(pareto_front(trials(better, *[level] * 9), guard=0.0)) == 1
    assert len(pareto_front(trials(better, better, *[level] * 9), guard=0.0)) == 2


@pytest.mark.parametrize(("wins", "losses", "passes"), [(6, 4, False), (7, 3, True), (16, 9, True), (14, 11, False)])
def test_wins_must_exceed_losses_by_the_guard(trials: Make, wins: int, losses: int, passes: bool) -> None:
    rows = [(0.5, {"single": (0, 1), "best_of_n 4": (1, 4)})] * wins
    rows += [(0.5, {"single": (1, 1), "best_of_n 4": (0, 4)})] * losses
    assert (len(pareto_front(trials(*rows), guard=1.0)) == 2) is passes


@given(st.integers(0, 10_000), st.lists(st.floats(0.5, 20), min_size=1, max_size=6), st.sampled_from([1, 3, 5]))
@settings(max_examples=60, deadline=None)
def test_no_policy_exceeds_a_budget_or_gets_worse_with_a_larger_one(seed: int, budgets: list[float], bins: int) -> None:
    problems = world(30, seed, bins=5)
    scope: BudgetScope
    for scope in ("per_bin", "on_average"):
        policy = fitted(problems, budgets, bins=bins, budget_scope=scope)
        accuracy = [{point.config: point.accuracy for point in curve} for curve in policy.curves]
        cost = [{point.config: point.cost for point in curve} for curve in policy.curves]
        shares = [curve[0].problems / len(problems) for curve in policy.curves]
        for column, budget in enumerate(policy.budgets):
            costs = [cost[index][row[column]] for index, row in enumerate(policy.table)]
            cheapest = [min(costs_of_bin.values()) for costs_of_bin in cost]
            if scope == "per_bin":
                assert all(spent <= max(budget, low) for spent, low in zip(costs, cheapest, strict=True))
            else:
                mean = sum(share * spent for share, spent in zip(shares, costs, strict=True))
                assert mean <= max(budget, sum(share * low for share, low in zip(shares, cheapest, strict=True))) + 1e-9
            if column:
                rows = zip(accuracy, policy.table, strict=True)
                assert all(known[row[column]] >= known[row[column - 1]] for known, row in rows)


@given(st.integers(0, 10_000), st.floats(1.0, 12))
@settings(max_examples=40, deadline=None)
def test_on_average_never_measures_worse_than_in_each_bin(seed: int, budget: float) -> None:
    groups = split_by_bin(world(60, seed, bins=5), [0.1, 0.3, 0.5, 0.7])
    fronts = [pareto_front(group) for group in groups]

    def solved(indices: list[int]) -> float:
        return sum(front[index].accuracy * front[index].problems for front, index in zip(fronts, indices, strict=True))

    if max(front[0].cost for front in fronts) <= budget:
        # Costs are rounded up to units of the remaining budget, which may exclude a point that barely fits.
        assert solved(select_on_average(fronts, budget * 1.02)) >= solved(select_per_bin(fronts, budget)) - 1e-9


def test_a_larger_budget_never_selects_a_worse_config(trials: Make) -> None:
    """At 2, best-of-4 in the hard bin would be worth more than best-of-2 in the easy bin, selected at 1.5."""

    def problem(difficulty: float, *right: int) -> tuple[float, dict[str, tuple[float, float]]]:
        costs = {"single": 1, "best_of_n 2": 2, "best_of_n 4": 3}
        return difficulty, {name: (correct, cost) for (name, cost), correct in zip(costs.items(), right, strict=True)}

    easy = [problem(0.1, 0, 1, 1)] * 3 + [problem(0.1, 1, 1, 1)] * 7
    hard = [problem(0.9, 0, 0, 1)] * 5 + [problem(0.9, 0, 0, 0)] * 5
    policy = fitted(trials(*easy, *hard), [1.5, 2.0, 2.5], bins=2)
    assert [[config.label for config in row] for row in policy.table] == [
        ["best_of_n n=2"] * 3,
        ["single", "single", "best_of_n n=4"],
    ]


def test_a_cost_slightly_above_the_budget_is_not_selected(trials: Make) -> None:
    front = pareto_front(trials(*[(0.5, {"single": (0, 1), "best_of_n 4": (1, 4)})] * 9))
    assert select_on_average([front], 4.0) == [1]
    assert select_on_average([front], 3.999) == [0]
    assert select_per_bin([front], 3.999) == [0]


def test_default_budgets_range_from_the_cheapest_to_the_most_expensive_config() -> None:
    budgets = default_budgets(world(60, 3), bins=2)
    assert len(budgets) == 8
    assert budgets == sorted(budgets)
    assert budgets[0] == pytest.approx(1.2)
    assert budgets[-1] == pytest.approx(8.8)
    policy = fitted(world(60, 3), budgets, bins=2, budget_scope="per_bin")
    assert all(policy.curves[1][0].cost <= budget for budget in policy.budgets)


def longer_if_hard(seed: int) -> list[Trial]:
    """Best-of-16 pays off everywhere, and hard problems need longer answers."""
    chance, problems = random.Random(seed), []
    for _ in range(100):
        difficulty = chance.random()
        cost = 80 + 120 * difficulty
        once, often = (float(chance.random() < share) for share in (0.3, 0.9))
        best = StrategyConfig(strategy="best_of_n", options={"n": 16})
        problems.append(Trial(difficulty, {CONFIGS[0]: TrialResult(once, cost), best: TrialResult(often, 16 * cost)}))
    return problems


@pytest.mark.parametrize("scope", ["per_bin", "on_average"])
@pytest.mark.parametrize("seed", range(10))
def test_the_largest_default_budget_covers_the_most_expensive_configs_of_all_bins(
    scope: BudgetScope, seed: int
) -> None:
    problems = longer_if_hard(seed)
    policy = fitted(problems, default_budgets(problems, budget_scope=scope), budget_scope=scope)
    assert [row[-1].label for row in policy.table] == ["best_of_n n=16"] * 5


@given(st.integers(0, 10_000), st.floats(1.0, 12))
@settings(max_examples=60, deadline=None)
def test_on_average_spends_everything_it_can(seed: int, budget: float) -> None:
    fronts = [pareto_front(group) for group in split_by_bin(world(60, seed, bins=5), [0.1, 0.3, 0.5, 0.7])]
    indices = select_on_average(fronts, budget)
    cost = sum(front[index].problems * front[index].cost for front, index in zip(fronts, indices, strict=True))
    lowest = sum(front[0].problems * front[0].cost for front in fronts)
    assert cost <= max(60 * budget, lowest) + 1e-9
    for front, index in zip(fronts, indices, strict=True):
        for point in front[index + 1 :]:
            assert cost + point.problems * (point.cost - front[index].cost) > 60 * budget - 1e-9


def test_a_default_budget_covers_the_most_expensive_bin_alone(trials: Make) -> None:
    """The cheapest config of the hard bin costs more than the most expensive one does on average."""
    problems = trials(
        *[(0.1, {"single": (1, 1), "best_of_n 2": (1, 2)})] * 5, *[(0.9, {"single": (0, 8), "best_of_n 2": (1, 9)})] * 5
    )
    (budget,) = default_budgets(problems, bins=2)
    assert budget == pytest.approx(8)
    policy = fitted(problems, [budget], bins=2, budget_scope="per_bin")
    assert minimum_budget(policy) <= budget


def test_inputs_that_cannot_be_fitted(trials: Make) -> None:
    with pytest.raises(ConfigurationError, match="at least one budget"):
        fitted(world(4, 1), [])
    with pytest.raises(ConfigurationError, match="needs problems"):
        fitted([], [1.0])
    uneven = trials((0.1, {"single": (1, 1)}), (0.2, {"best_of_n 2": (1, 2)}))
    with pytest.raises(ConfigurationError, match="Number 1 has"):
        fitted(uneven, [1.0])
