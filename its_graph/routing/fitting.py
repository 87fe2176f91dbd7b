"""Fit a policy: for each difficulty bin and each budget the best of the settings that were measured.

theta*(bin, N) = argmax over settings theta of cost at most N of the share of the bin's problems that theta gets right
(Snell et al. 2408.03314, section 3): 1. cut the problems into bins of about equal size by difficulty, 2. climb each
bin's ladder of settings, 3. choose for each budget a rung of every ladder, budgets ascending and never down a ladder:
a larger budget never gets a setting that measured worse.
"""

import math
from collections.abc import Sequence

from its_graph.catalog.strategy_config import StrategyConfig
from its_graph.errors import ConfigurationError
from its_graph.routing.budget_constraint import SELECTORS, PointSelector, required_budget
from its_graph.routing.pareto_front import GUARD, ParetoFront, pareto_front
from its_graph.routing.policy import BudgetScope, Cost, Estimator, Policy, PolicyPoint, quantile_thresholds
from its_graph.routing.regressor import Regressor
from its_graph.routing.trials import Trial, split_by_bin, measure_point, common_configs

__all__ = ["BINS", "fit_policy", "default_budgets"]

BINS = 5
"""As in the paper."""
_BUDGETS = 8
"""How many natural budgets there are: each about 1.25 times the one before, up to best-of-16 behind two pilots."""


def fit_policy(
    trials: Sequence[Trial],
    budgets: Sequence[float],
    *,
    estimator: Estimator,
    pilots: int,
    unit: Cost,
    bins: int = BINS,
    budget_scope: BudgetScope = "on_average",
    guard: float = GUARD,
    regressor: Regressor | None = None,
) -> Policy:
    """Return the policy that these problems call for.

    Args:
        trials: the problems, all tried with the same settings.
        budgets: for a question, in `unit`, in any order. One that is too small for the lowest rungs gets those.
        estimator: what the difficulties were read from.
        pilots: samples behind each difficulty.
        unit: of budgets and costs.
        bins: of about equal size. Fewer come out where difficulties repeat: equal values stay in one bin.
        budget_scope: where the mean cost is within the budget (`its_graph.routing.budget_constraint`).
        guard: how many standard errors better a dearer setting must be (`its_graph.routing.pareto_front`).
        regressor: what the estimator `learned` predicts with.

    Raises:
        ConfigurationError: there are no problems, no budgets, or not the same settings for every problem.
    """
    if not budgets:
        raise ConfigurationError("A policy needs at least one budget. Given: none.")
    thresholds = quantile_thresholds([trial.difficulty for trial in trials], bins) if trials else ()
    groups = split_by_bin(trials, thresholds)
    steps = sorted(set(budgets))
    return Policy(
        estimator=estimator,
        pilots=pilots,
        unit=unit,
        thresholds=thresholds,
        budgets=tuple(steps),
        budget_scope=budget_scope,
        table=_table([pareto_front(group, guard=guard) for group in groups], steps, SELECTORS[budget_scope]),
        curves=tuple(map(_curve, groups)),
        regressor=regressor,
    )


def default_budgets(
    trials: Sequence[Trial], *, bins: int = BINS, budget_scope: BudgetScope = "on_average"
) -> list[float]:
    """Return budgets from the smallest that pays for every bin to the largest that any setting can use.

    They rise by a constant factor and are rounded up to three digits. The largest pays for the dearest settings of all
    bins, where the budget holds: in the dearest bin, or over all problems together.
    """
    groups = split_by_bin(trials, quantile_thresholds([trial.difficulty for trial in trials], bins))
    curves = [_curve(group) for group in groups]
    low = max(curve[0].cost for curve in curves)
    high = required_budget([curve[-1] for curve in curves], budget_scope)
    if not 0 < low < high:
        return [_rounded_up(max(low, high))]
    factor = (high / low) ** (1 / (_BUDGETS - 1))
    return [_rounded_up(low * factor**step) for step in range(_BUDGETS)]


def _table(
    ladders: Sequence[ParetoFront], budgets: Sequence[float], spread: PointSelector
) -> tuple[tuple[StrategyConfig, ...], ...]:
    columns = []
    for budget in budgets:
        chosen = spread(ladders, budget)
        # What lies below is not offered to larger budgets.
        ladders = [ladder[place:] for ladder, place in zip(ladders, chosen, strict=True)]
        columns.append([ladder[0].config for ladder in ladders])
    return tuple(zip(*columns, strict=True))


def _curve(trials: Sequence[Trial]) -> tuple[PolicyPoint, ...]:
    points = (measure_point(setting, trials) for setting in common_configs(trials))
    return tuple(sorted(points, key=lambda point: (point.cost, point.accuracy)))


def _rounded_up(budget: float) -> float:
    unit = 10.0 ** (math.floor(math.log10(budget)) - 2) if budget > 0 else 1.0
    return math.ceil(budget / unit - 1e-9) * unit
