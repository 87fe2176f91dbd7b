"""Fit a policy: for each difficulty bin and budget, the best of the measured strategy configs.

theta*(bin, N) = argmax over configs theta of cost at most N of the share of the bin's problems that theta solves (Snell
et al. 2408.03314, section 3): 1. divide the problems by difficulty into bins of about equal size, 2. compute the Pareto
front of each bin, 3. select a point of every front for each budget, in ascending order and never backward along a
front: a larger budget never gets a config that measured worse.
"""

import math
from collections.abc import Sequence

from its_graph.catalog.strategy_config import StrategyConfig
from its_graph.errors import ConfigurationError
from its_graph.routing.budget_constraint import SELECTORS, PointSelector, required_budget
from its_graph.routing.pareto_front import GUARD, ParetoFront, pareto_front
from its_graph.routing.policy import BudgetScope, Cost, Estimator, Policy, PolicyPoint, quantile_thresholds
from its_graph.routing.regressor import Regressor
from its_graph.routing.trials import Trial, common_configs, measure_point, split_by_bin

__all__ = ["BINS", "default_budgets", "fit_policy"]

BINS = 5
"""As in the paper."""
_BUDGETS = 8
"""Number of default budgets: each about 1.25 times the previous one, up to best-of-16 after two pilots."""


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
    """Fit a policy to measured problems.

    Args:
        trials: the problems, all measured with the same configs.
        budgets: per question, in `unit`, in any order. One that is too small for the cheapest points selects those.
        estimator: source of the difficulties.
        pilots: samples behind each difficulty.
        unit: of budgets and costs.
        bins: number of bins of about equal size. Repeated difficulties reduce it: equal values share a bin.
        budget_scope: where the mean cost stays within the budget (`its_graph.routing.budget_constraint`).
        guard: standard errors by which a more expensive config must be better (`its_graph.routing.pareto_front`).
        regressor: the model of the estimator `learned`.

    Raises:
        ConfigurationError: there are no problems, no budgets, or not the same configs for every problem.
    """
    if not budgets:
        raise ConfigurationError("A policy needs at least one budget; got none.")
    thresholds = quantile_thresholds([trial.difficulty for trial in trials], bins) if trials else ()
    groups = split_by_bin(trials, thresholds)
    ascending = sorted(set(budgets))
    return Policy(
        estimator=estimator,
        pilots=pilots,
        unit=unit,
        thresholds=thresholds,
        budgets=tuple(ascending),
        budget_scope=budget_scope,
        table=_table([pareto_front(group, guard=guard) for group in groups], ascending, SELECTORS[budget_scope]),
        curves=tuple(map(_curve, groups)),
        regressor=regressor,
    )


def default_budgets(
    trials: Sequence[Trial], *, bins: int = BINS, budget_scope: BudgetScope = "on_average"
) -> list[float]:
    """Return budgets from the smallest that covers every bin to the largest that any config can use.

    They rise by a constant factor and are rounded up to three digits. The largest covers the most expensive configs of
    all bins within the budget scope: in the most expensive bin, or over all problems together.
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
    fronts: Sequence[ParetoFront], budgets: Sequence[float], select: PointSelector
) -> tuple[tuple[StrategyConfig, ...], ...]:
    columns = []
    for budget in budgets:
        selected = select(fronts, budget)
        # Points below the selected ones are not available to larger budgets.
        fronts = [front[index:] for front, index in zip(fronts, selected, strict=True)]
        columns.append([front[0].config for front in fronts])
    return tuple(zip(*columns, strict=True))


def _curve(trials: Sequence[Trial]) -> tuple[PolicyPoint, ...]:
    points = (measure_point(config, trials) for config in common_configs(trials))
    return tuple(sorted(points, key=lambda point: (point.cost, point.accuracy)))


def _rounded_up(budget: float) -> float:
    unit = 10.0 ** (math.floor(math.log10(budget)) - 2) if budget > 0 else 1.0
    return math.ceil(budget / unit - 1e-9) * unit
