"""From outcomes to a policy, and to what it is worth: the pure part of `its-graph calibrate`."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

from its_graph.errors import ConfigurationError
from its_graph.evaluation.router.difficulty_estimates import Estimates, unseen_pass_at_1
from its_graph.evaluation.router.pilot_accounting import Measured, Pilots, after_pilots, price
from its_graph.routing.budget_constraint import held_cost
from its_graph.routing.crossfit import Lead, RoutedResults, cheapest_reaching, cross_fit, lead
from its_graph.routing.difficulty_calibration import DifficultyCalibration, calibrate_difficulty
from its_graph.routing.fitting import BINS, fit_policy, natural_budgets
from its_graph.routing.pareto_front import GUARD
from its_graph.routing.policy import BudgetHolds, Cost, Estimator, Policy
from its_graph.routing.trials import Trial, TrialResult

__all__ = ["Calibrated", "FitPlan", "Rival", "calibrated", "fixed_rows", "least_cost", "trials_of"]


class FitPlan(NamedTuple):
    """How a policy is to be fitted."""

    estimator: Estimator
    pilots: Pilots
    unit: Cost
    bins: int = BINS
    budgets: tuple[float, ...] = ()
    """None takes the natural ones, from what the cheapest settings cost to what the dearest do."""
    budget_holds: BudgetHolds = "on_average"
    guard: float = GUARD


class Rival(NamedTuple):
    """One setting for every question, without pilots, and the router with its mean cost for a budget."""

    fixed: RoutedResults
    routed: RoutedResults
    lead: Lead
    """Of the router."""


class Calibrated(NamedTuple):
    """A fitted policy and its worth."""

    policy: Policy
    cross_fitted: tuple[RoutedResults, ...]
    """By budget."""
    fixed: tuple[RoutedResults, ...]
    """Every setting on its own, the cheapest first."""
    rivals: tuple[Rival, ...]
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
        return cheapest_reaching(self.reference.accuracy, [*self.cross_fitted, *(one.routed for one in self.rivals)])


def trials_of(measured: Measured, plan: FitPlan, estimates: Estimates) -> list[Trial]:
    """Return the problems as a fit sees them: costs with pilots and estimate."""
    results = after_pilots(measured, plan.pilots, plan.unit)
    return [
        Trial(difficulty, {setting: TrialResult(one.right, one.cost + extra) for setting, one in by_setting.items()})
        for difficulty, extra, by_setting in zip(estimates.difficulties, estimates.costs, results, strict=True)
    ]


def calibrated(measured: Measured, plan: FitPlan, estimates: Estimates, *, seed: int = 0) -> Calibrated:
    """Fit a policy on all problems, and measure by cross-fitting what it is worth.

    Args:
        measured: outcomes of all settings and of the pilots.
        plan: how to fit.
        estimates: of the plan's estimator.
        seed: of the bootstrap intervals.

    Raises:
        ConfigurationError: a budget cannot pay for the pilots, or no cost is known in the plan's unit.
    """
    trials = trials_of(measured, plan, estimates)
    if not any(result.cost for trial in trials for result in trial.results.values()):
        raise ConfigurationError(
            f"No search tells what it cost in {plan.unit}. Take another unit: tokens, generated_tokens."
        )
    budgets = plan.budgets or tuple(natural_budgets(trials, bins=plan.bins, budget_holds=plan.budget_holds))
    fitted = partial(
        fit_policy,
        estimator=plan.estimator,
        pilots=plan.pilots.samples,
        unit=plan.unit,
        bins=plan.bins,
        budget_holds=plan.budget_holds,
        guard=plan.guard,
        regressor=estimates.regressor,
    )
    policy = fitted(trials, budgets)
    _require_enough(policy)
    alone = fixed_rows(measured, plan.unit)
    return Calibrated(
        policy,
        tuple(cross_fit(trials, partial(fitted, budgets=budgets))),
        alone,
        _rivals([row for row in alone if row.cost >= least_cost(policy)], trials, fitted, seed),
        _calibration(measured, plan, estimates, policy),
    )


def fixed_rows(measured: Measured, unit: Cost) -> tuple[RoutedResults, ...]:
    """Return every setting as it is without a router, the cheapest first."""
    rows = (
        RoutedResults(setting.label, tuple(TrialResult(float(one.right), price(one, unit)) for one in outcomes))
        for setting, outcomes in measured.items()
    )
    return tuple(sorted(rows, key=lambda row: (row.cost, row.accuracy)))


def least_cost(policy: Policy) -> float:
    """Return the smallest budget that a fitted policy can keep."""
    return held_cost([curve[0] for curve in policy.curves], policy.budget_holds)


def _require_enough(policy: Policy) -> None:
    least = least_cost(policy)
    if policy.budgets[0] < least * (1 - 1e-9):
        raise ConfigurationError(
            f"A budget of {policy.budgets[0]:.3g} {policy.unit} does not pay for the pilots and the cheapest setting, "
            f"which cost {least:.4g}. Give budgets of at least that, or fewer pilots."
        )


def _rivals(
    alone: Sequence[RoutedResults], trials: Sequence[Trial], fitted: Callable[..., Policy], seed: int
) -> tuple[Rival, ...]:
    costs = sorted({row.cost for row in alone})
    routed = dict(zip(costs, cross_fit(trials, partial(fitted, budgets=costs)), strict=True)) if costs else {}
    return tuple(Rival(row, routed[row.cost], lead(routed[row.cost], row, seed=seed)) for row in alone)


def _calibration(
    measured: Measured, plan: FitPlan, estimates: Estimates, policy: Policy
) -> DifficultyCalibration | None:
    chances = unseen_pass_at_1(measured, plan.pilots)
    if chances is None:
        return None
    asked = zip(measured[plan.pilots.answered], estimates.difficulties, strict=True)
    seen = [(difficulty, chances[one.index]) for one, difficulty in asked if one.index in chances]
    difficulties, shares = zip(*seen, strict=True)
    return calibrate_difficulty(difficulties, shares, [policy.bin_of(one) for one in difficulties])
