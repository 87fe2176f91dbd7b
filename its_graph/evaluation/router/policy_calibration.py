"""Fit a policy to outcomes and measure its benefit: the pure part of `its-graph calibrate`."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

from its_graph.errors import ConfigurationError
from its_graph.evaluation.router.difficulty_estimates import Estimates, unseen_pass_at_1
from its_graph.evaluation.router.pilot_accounting import ConfigOutcomes, Pilots, after_pilots, outcome_cost
from its_graph.routing.budget_constraint import required_budget
from its_graph.routing.crossfit import RoutedResults, RoutingGain, cheapest_at_accuracy, cross_fit, routing_gain
from its_graph.routing.difficulty_calibration import DifficultyCalibration, calibrate_difficulty
from its_graph.routing.fitting import BINS, default_budgets, fit_policy
from its_graph.routing.pareto_front import GUARD
from its_graph.routing.policy import BudgetScope, Cost, Estimator, Policy
from its_graph.routing.trials import Trial, TrialResult

__all__ = [
    "BaselineComparison",
    "FitPlan",
    "PolicyCalibration",
    "build_trials",
    "calibrate_policy",
    "fixed_results",
    "minimum_budget",
]


class FitPlan(NamedTuple):
    """How to fit a policy."""

    estimator: Estimator
    pilots: Pilots
    unit: Cost
    bins: int = BINS
    budgets: tuple[float, ...] = ()
    """Per question, in `unit`; if empty, from the cost of the cheapest configs to that of the most expensive."""
    budget_scope: BudgetScope = "on_average"
    guard: float = GUARD


class BaselineComparison(NamedTuple):
    """A fixed config for every question, without pilots, and the router with the same mean cost as its budget."""

    fixed: RoutedResults
    routed: RoutedResults
    gain: RoutingGain
    """Of the router over the fixed config."""


class PolicyCalibration(NamedTuple):
    """A fitted policy and its measured benefit."""

    policy: Policy
    cross_fitted: tuple[RoutedResults, ...]
    """By budget."""
    fixed: tuple[RoutedResults, ...]
    """Every fixed config, the cheapest first."""
    comparisons: tuple[BaselineComparison, ...]
    """One for each fixed config that costs at least as much as the router's pilots."""
    calibration: DifficultyCalibration | None
    """On the problems that were not lost; None if too few samples were drawn to measure pass@1."""

    @property
    def reference(self) -> RoutedResults:
        """The baseline of the saving: the most expensive best_of_n, or else the most accurate fixed config."""
        best_of_n = [row for row in self.fixed if row.name.startswith("best_of_n ")]
        return best_of_n[-1] if best_of_n else max(self.fixed, key=lambda row: (row.accuracy, -row.cost))

    @property
    def cheapest_match(self) -> RoutedResults | None:
        """The cheapest cross-fitted router that is at least as accurate as the reference."""
        routed = [*self.cross_fitted, *(comparison.routed for comparison in self.comparisons)]
        return cheapest_at_accuracy(self.reference.accuracy, routed)


def build_trials(measured: ConfigOutcomes, plan: FitPlan, estimates: Estimates) -> list[Trial]:
    """Return the problems as a fit sees them: their costs include pilots and estimate."""
    results = after_pilots(measured, plan.pilots, plan.unit)
    return [
        Trial(
            difficulty,
            {config: TrialResult(result.correct, result.cost + extra_cost) for config, result in by_config.items()},
        )
        for difficulty, extra_cost, by_config in zip(estimates.difficulties, estimates.costs, results, strict=True)
    ]


def calibrate_policy(
    measured: ConfigOutcomes, plan: FitPlan, estimates: Estimates, *, seed: int = 0
) -> PolicyCalibration:
    """Fit a policy on all problems and measure its benefit by cross-fitting.

    Args:
        measured: outcomes of all configs and of the pilots.
        plan: how to fit.
        estimates: of the plan's estimator.
        seed: of the bootstrap intervals.

    Raises:
        ConfigurationError: a budget does not cover the pilots, or no cost is known in the plan's unit.
    """
    trials = build_trials(measured, plan, estimates)
    if not any(result.cost for trial in trials for result in trial.results.values()):
        raise ConfigurationError(f"No search reports its cost in {plan.unit}. Use the unit tokens or generated_tokens.")
    budgets = plan.budgets or tuple(default_budgets(trials, bins=plan.bins, budget_scope=plan.budget_scope))
    fit = partial(
        fit_policy,
        estimator=plan.estimator,
        pilots=plan.pilots.samples,
        unit=plan.unit,
        bins=plan.bins,
        budget_scope=plan.budget_scope,
        guard=plan.guard,
        regressor=estimates.regressor,
    )
    policy = fit(trials, budgets)
    _require_sufficient_budgets(policy)
    fixed = fixed_results(measured, plan.unit)
    return PolicyCalibration(
        policy,
        tuple(cross_fit(trials, partial(fit, budgets=budgets))),
        fixed,
        _compare([row for row in fixed if row.cost >= minimum_budget(policy)], trials, fit, seed),
        _calibration(measured, plan, estimates, policy),
    )


def fixed_results(measured: ConfigOutcomes, unit: Cost) -> tuple[RoutedResults, ...]:
    """Return the results of every config without a router, the cheapest first."""
    rows = (
        RoutedResults(
            config.label,
            tuple(TrialResult(float(outcome.correct), outcome_cost(outcome, unit)) for outcome in outcomes),
        )
        for config, outcomes in measured.items()
    )
    return tuple(sorted(rows, key=lambda row: (row.cost, row.accuracy)))


def minimum_budget(policy: Policy) -> float:
    """Return the smallest budget that a fitted policy can respect."""
    return required_budget([curve[0] for curve in policy.curves], policy.budget_scope)


def _require_sufficient_budgets(policy: Policy) -> None:
    least = minimum_budget(policy)
    if policy.budgets[0] < least * (1 - 1e-9):
        raise ConfigurationError(
            f"Budgets must cover the pilots and the cheapest config, which cost {least:.4g} {policy.unit}; "
            f"got {policy.budgets[0]:.3g}. Use larger budgets or fewer pilots."
        )


def _compare(
    fixed: Sequence[RoutedResults], trials: Sequence[Trial], fit: Callable[..., Policy], seed: int
) -> tuple[BaselineComparison, ...]:
    costs = sorted({row.cost for row in fixed})
    routed = dict(zip(costs, cross_fit(trials, partial(fit, budgets=costs)), strict=True)) if costs else {}
    return tuple(
        BaselineComparison(row, routed[row.cost], routing_gain(routed[row.cost], row, seed=seed)) for row in fixed
    )


def _calibration(
    measured: ConfigOutcomes, plan: FitPlan, estimates: Estimates, policy: Policy
) -> DifficultyCalibration | None:
    pass_at_1 = unseen_pass_at_1(measured, plan.pilots)
    if pass_at_1 is None:
        return None
    estimated = zip(measured[plan.pilots.answer_config], estimates.difficulties, strict=True)
    pairs = [(difficulty, pass_at_1[outcome.index]) for outcome, difficulty in estimated if outcome.index in pass_at_1]
    difficulties, shares = zip(*pairs, strict=True)
    return calibrate_difficulty(difficulties, shares, [policy.bin_of(difficulty) for difficulty in difficulties])
