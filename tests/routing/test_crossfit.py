"""Cross-fitting: no problem is measured with a policy that it influenced."""

import random
from collections.abc import Callable, Sequence
from functools import partial

import pytest

from its_graph.catalog.strategy_config import StrategyConfig
from its_graph.errors import ConfigurationError
from its_graph.routing.crossfit import RoutedResults, cheapest_at_accuracy, cross_fit, route_trials, routing_gain
from its_graph.routing.fitting import fit_policy
from its_graph.routing.policy import Policy
from its_graph.routing.trials import Trial, TrialResult, mean_result

Make = Callable[..., list[Trial]]

FIT = partial(fit_policy, budgets=[10.0], estimator="verifier", pilots=2, unit="flops", bins=1)


def test_a_problem_does_not_influence_its_own_route() -> None:
    chance = random.Random(1)
    configs = [StrategyConfig(strategy="best_of_n", options={"n": n}) for n in (1, 2, 4)]
    problems = [
        Trial(
            chance.random(),
            {config: TrialResult(float(chance.random() < 0.5), config.options["n"]) for config in configs},
        )
        for _ in range(12)
    ]
    (before,) = cross_fit(problems, FIT)
    for index, trial in enumerate(problems):
        flipped = trial._replace(
            results={config: TrialResult(1 - correct, cost) for config, (correct, cost) in trial.results.items()}
        )
        (after,) = cross_fit([*problems[:index], flipped, *problems[index + 1 :]], FIT)
        assert after.results[index] == TrialResult(1 - before.results[index].correct, before.results[index].cost)


def test_results_are_in_the_order_of_the_problems(trials: Make) -> None:
    problems = trials(*[(0.5, {"single": (index % 3 == 0, index + 1)}) for index in range(9)])
    (row,) = cross_fit(problems, FIT)
    assert [result.cost for result in row.results] == list(range(1, 10))


def test_every_fit_sees_half_of_the_problems(trials: Make) -> None:
    seen: list[int] = []

    def counting(problems: Sequence[Trial]) -> Policy:
        seen.append(len(problems))
        return FIT(problems)

    cross_fit(trials(*[(0.5, {"single": (1, 1)})] * 7), counting)
    assert sorted(seen) == [3, 4]


def test_luck_does_not_count_as_accuracy() -> None:
    """Ten configs that are all correct half of the time: the best on one half is no better on the other."""
    chance = random.Random(3)
    configs = [StrategyConfig(strategy="best_of_n", options={"n": n}) for n in range(1, 11)]
    problems = [
        Trial(
            chance.random(),
            {config: TrialResult(float(chance.random() < 0.5), n) for n, config in enumerate(configs, 1)},
        )
        for _ in range(2000)
    ]
    fitting = partial(FIT, bins=5)
    measured_on_itself = mean_result(route_trials(fitting(problems), problems, 10.0)).correct
    (row,) = cross_fit(problems, fitting)
    assert measured_on_itself > row.accuracy
    assert row.accuracy == pytest.approx(0.5, abs=0.03)


def test_the_cheapest_row_at_an_accuracy() -> None:
    rows = [
        RoutedResults(str(cost), (TrialResult(correct, cost),))
        for correct, cost in [(0.5, 1), (0.8, 3), (0.9, 2), (0.9, 9)]
    ]
    assert cheapest_at_accuracy(0.8, rows) == rows[2]
    assert cheapest_at_accuracy(0.95, rows) is None


def test_a_gain_is_paired() -> None:
    routed = RoutedResults("router", tuple(TrialResult(correct, 2) for correct in (1, 1, 1, 0)))
    fixed = RoutedResults("fixed", tuple(TrialResult(correct, 8) for correct in (1, 0, 1, 0)))
    gain = routing_gain(routed, fixed)
    assert gain.accuracy.mean == 0.25
    assert gain.accuracy.ci95.low == 0.0
    assert gain.cost_ratio == 4.0


def test_one_problem_cannot_be_split(trials: Make) -> None:
    with pytest.raises(ConfigurationError, match="at least two"):
        cross_fit(trials((0.5, {"single": (1, 1)})), FIT)
