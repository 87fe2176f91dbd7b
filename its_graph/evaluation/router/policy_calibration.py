"""From outcomes to a policy, and to what it is worth: the pure part of `its-graph calibrate`."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

from its_graph.errors import ConfigurationError
from its_graph.evaluation.router.difficulty_estimates import Estimates, unseen_pass_at_1
from its_graph.evaluation.router.pilot_accounting import ConfigOutcomes, Pilots, after_pilots, outcome_cost
from its_graph.routing.budget_constraint import required_budget
from its_graph.routing.crossfit import RoutingGain, RoutedResults, cheapest_at_accuracy, cross_fit, routing_gain
from its_graph.routing.difficulty_calibration import DifficultyCalibration, calibrate_difficulty
from its_graph.routing.fitting import BINS, fit_policy, default_budgets
from its_graph.routing.pareto_front import GUARD
from its_graph.routing.policy import BudgetScope, Cost, Estimator, Policy
from its_graph.routing.trials import Trial, TrialResult

__all__ = ["PolicyCalibration", "FitPlan", "BaselineComparison", "calibrate_policy", "fixed_results", "minimum_budget", "build_trials"]


class FitPlan(NamedTuple):
    """How a policy is to be fitted."""

    estimator: Estimator
    pilots: Pilots
    unit: Cost
    bins: int = BINS
    budgets: tuple[float, ...] = ()
    """None takes the natural ones, from what the cheapest settings cost to what the dearest do."""
    budget_scope: BudgetScope = "on_average"
    guard: float = GUARD


class BaselineComparison(NamedTuple):
    """One setting for every question, without pilots, and the router with its mean cost for a budget."""

    fixed: RoutedResults
    routed: RoutedResults
    routing_gain: RoutingGain
    """Of the router."""


class PolicyCalibration(NamedTuple):
    """A fitted policy and its worth."""

    policy: Policy
    cross_fitted: tuple[RoutedResults, ...]
    """By budget."""
    fixed: tuple[RoutedResults, ...]
    """Every setting on its own, the cheapest first."""
    rivals: tuple[BaselineComparison, ...]
    """Those of them that cost at least what the router's pilots do."""
    calibration: DifficultyCalibration | None
    """On the problems that were not lost; None where too few samples were drawn to measure pass@1."""

    @property
    def reference(self) -> RoutedResults:
        """What the router's saving is told against: the dearest best_of_n, or else the most accurate setting."""
        widest = [row for row in self.fixed if row.name.startswith("best_of_n ")]
        return widest[-1] if widest else max(self.fixed, key=lambda row: (row.accuracy, -row.cost))

    @property
    def reaching(self) -> RoutedResults | None:
        """The cheapest router, cross-fitted, that is at least as accurate as the reference."""
        return cheapest_at_accuracy(self.reference.accuracy, [*self.cross_fitted, *(one.routed for one in self.comparisons)])


def build_trials(measured: ConfigOutcomes, plan: FitPlan, estimates: Estimates) -> list[Trial]:
    """Return the problems as a fit sees them: costs with pilots and estimate."""
    results = after_pilots(measured, plan.pilots, plan.unit)
    return [
        Trial(difficulty, {setting: TrialResult(one.correct, one.cost + extra) for setting, one in by_setting.items()})
        for difficulty, extra, by_setting in zip(estimates.difficulties, estimates.costs, results, strict=True)
    ]


def calibrate_policy(measured: ConfigOutcomes, plan: FitPlan, estimates: Estimates, *, seed: int = 0) -> PolicyCalibration:
    """Fit a policy on all problems, and measure by cross-fitting what it is worth.

    Args:
        measured: outcomes of all settings and of the pilots.
        plan: how to fit.
        estimates: of the plan's estimator.
        seed: of the bootstrap intervals.

    Raises:
        ConfigurationError: a budget cannot pay for the pilots, or no cost is known in the plan's unit.
    """
    trials = build_trials(measured, plan, estimates)
    if not any(result.cost for trial in trials for result in trial.results.values()):
        raise ConfigurationError(
            f"No search tells what it cost in {plan.unit}. Take another unit: tokens, generated_tokens."
        )
    budgets = plan.budgets or tuple(default_budgets(trials, bins=plan.bins, budget_scope=plan.budget_scope))
    fitted = partial(
        fit_policy,
        estimator=plan.estimator,
        pilots=plan.pilots.samples,
        unit=plan.unit,
        bins=plan.bins,
        budget_scope=plan.budget_scope,
        guard=plan.guard,
        regressor=estimates.regressor,
    )
    policy = fitted(trials, budgets)
    _require_enough(policy)
    alone = fixed_results(measured, plan.unit)
    return PolicyCalibration(
        policy,
        tuple(cross_fit(trials, partial(fitted, budgets=budgets))),
        alone,
        _rivals([row for row in alone if row.cost >= minimum_budget(policy)], trials, fitted, seed),
        _calibration(measured, plan, estimates, policy),
    )


def fixed_results(measured: ConfigOutcomes, unit: Cost) -> tuple[RoutedResults, ...]:
    """Return every setting as it is without a router, the cheapest first."""
    rows = (
        RoutedResults(setting.label, tuple(TrialResult(float(one.correct), outcome_cost(one, unit)) for one in outcomes))
        for setting, outcomes in measured.items()
    )
    return tuple(sorted(rows, key=lambda row: (row.cost, row.accuracy)))


def minimum_budget(policy: Policy) -> float:
    """Return the smallest budget that a fitted policy can keep."""
    return required_budget([curve[0] for curve in policy.curves], policy.budget_scope)


def _require_enough(policy: Policy) -> None:
    least = minimum_budget(policy)
    if policy.budgets[0] < least * (1 - 1e-9):
        raise ConfigurationError(
            f"A budget of {policy.budgets[0]:.3g} {policy.unit} does not pay for the pilots and the cheapest setting, "
            f"which cost {least:.4g}. Give budgets of at least that, or fewer pilots."
        )


def _rivals(
    alone: Sequence[RoutedResults], trials: Sequence[Trial], fitted: Callable[..., Policy], seed: int
) -> tuple[BaselineComparison, ...]:
    costs = sorted({row.cost for row in alone})
    routed = dict(zip(costs, cross_fit(trials, partial(fitted, budgets=costs)), strict=True)) if costs else {}
    return tuple(BaselineComparison(row, routed[row.cost], routing_gain(routed[row.cost], row, seed=seed)) for row in alone)


def _calibration(
    measured: ConfigOutcomes, plan: FitPlan, estimates: Estimates, policy: Policy
) -> DifficultyCalibration | None:
    chances = unseen_pass_at_1(measured, plan.pilots)
    if chances is None:
        return None
    asked = zip(measured[plan.pilots.answer_config], estimates.difficulties, strict=True)
    seen = [(difficulty, chances[one.index]) for one, difficulty in asked if one.index in chances]
    difficulties, shares = zip(*seen, strict=True)
    return calibrate_difficulty(difficulties, shares, [policy.bin_of(one) for one in difficulties])
