"""What `calibrate` prints and stores: the policy, the curves behind it, its gain, and the calibration of difficulty."""

from pathlib import Path
from typing import Any

from rich import box
from rich.console import Group
from rich.table import Table

from its_graph.cli.display.formatting import format_count, format_flops, pluralize
from its_graph.evaluation.router.policy_calibration import PolicyCalibration
from its_graph.routing.crossfit import RoutedResults
from its_graph.routing.difficulty_calibration import DifficultyCalibration
from its_graph.routing.policy import Cost, Policy
from its_graph.statistics import Difference

__all__ = ["calibration_data", "calibration_tables"]


def calibration_data(fitted: PolicyCalibration) -> dict[str, Any]:
    """Return what the policy gains as plain data, for its `fitted_on`."""
    return {
        "cross_fitted": [_row(row) for row in fitted.cross_fitted],
        "fixed": [_row(row) for row in fitted.fixed],
        "gains": [
            {"fixed": comparison.fixed.name, **comparison.gain.accuracy._asdict()} for comparison in fitted.comparisons
        ],
        "reference": fitted.reference.name,
        "cheapest_match": _row(fitted.cheapest_match) if fitted.cheapest_match else None,
        "calibration": fitted.calibration.as_data() if fitted.calibration else None,
    }


def calibration_tables(fitted: PolicyCalibration, out: Path) -> Group:
    """Return the whole report for a terminal."""
    policy = fitted.policy
    scope = "mean budget per question" if policy.budget_scope == "on_average" else "budget per question in each bin"
    return Group(
        f"Policy by difficulty ({policy.estimator}, {pluralize(policy.pilots, 'pilot')}) and {scope}:",
        _policy_table(policy),
        "Accuracy % by difficulty, cost including pilots:",
        _curve_table(policy),
        "Accuracy % of each fixed config, and of the router at the same mean cost on held-out problems (cross-fitted):",
        _gain_table(fitted),
        _savings_text(fitted),
        "",
        *_calibration_section(fitted.calibration, len(fitted.fixed[0].results)),
        f"Policy written to {out}. To use it: its-graph solve ... --strategy compute_optimal --set policy={out}",
    )


def _savings_text(fitted: PolicyCalibration) -> str:
    """Return how much compute the router saves at the accuracy of the reference."""
    reference, match, unit = fitted.reference, fitted.cheapest_match, fitted.policy.unit
    target = (
        f"{reference.name} for every question: {_percent(reference.accuracy)}% at {_cost_text(reference.cost, unit)}."
    )
    if match is None:
        best = max(fitted.cross_fitted, key=lambda row: (row.accuracy, -row.cost))
        return (
            f"{target} The router does not reach that on held-out problems; its best is "
            f"{_percent(best.accuracy)}% at {_cost_text(best.cost, unit)}."
        )
    return (
        f"{target} The router on held-out problems: {_percent(match.accuracy)}% at {_cost_text(match.cost, unit)}, "
        f"{reference.cost / match.cost:.1f} times less compute."
    )


def _policy_table(policy: Policy) -> Table:
    """Return the chosen config by budget and bin."""
    table = _table(first="budget")
    for index, curve in enumerate(policy.curves):
        low = policy.thresholds[index - 1] if index else 0.0
        table.add_column(f"bin {index + 1}: from {low:.2f}\n{pluralize(curve[0].problems, 'problem')}")
    for column, budget in enumerate(policy.budgets):
        table.add_row(_cost_text(budget, policy.unit), *(row[column].label for row in policy.table))
    return table


def _curve_table(policy: Policy) -> Table:
    """Return the accuracy of each config in each bin, by ascending mean cost."""
    points = [{point.config: point for point in curve} for curve in policy.curves]
    problems = sum(curve[0].problems for curve in policy.curves)
    mean_costs = {
        config: sum(by_config[config].problems * by_config[config].cost for by_config in points) / problems
        for config in points[0]
    }
    table = _table("cost", *(f"bin {number}" for number in range(1, len(points) + 1)), first="config")
    for config in sorted(mean_costs, key=lambda config: mean_costs[config]):
        accuracies = (_percent(by_config[config].accuracy) for by_config in points)
        table.add_row(config.label, _cost_text(mean_costs[config], policy.unit), *accuracies)
    return table


def _gain_table(fitted: PolicyCalibration) -> Table:
    """Return every fixed config, beside the router where its pilots leave it that budget."""
    table = _table("cost", "fixed", "router\ncost", "router", "router gain", first="config")
    comparisons = {comparison.fixed.name: comparison for comparison in fitted.comparisons}
    for row in fitted.fixed:
        cells = [row.name, _cost_text(row.cost, fitted.policy.unit), _percent(row.accuracy)]
        if comparison := comparisons.get(row.name):
            cost = _cost_text(comparison.routed.cost, fitted.policy.unit)
            cells += [cost, _percent(comparison.routed.accuracy), _gain_text(comparison.gain.accuracy)]
        table.add_row(*cells)
    return table


def _gain_text(gain: Difference) -> str:
    # A backslash keeps rich from reading the bracket as markup.
    low, high = (_percent(end, "+") for end in gain.ci95)
    return rf"{_percent(gain.mean, '+')} \[{low}, {high}]"


def _calibration_section(calibration: DifficultyCalibration | None, problems: int) -> list[Any]:
    if calibration is None:
        return ["Too few samples to measure how well difficulty is calibrated.", ""]
    table = _table("problems", "predicted", "measured", first="bin")
    for number, bin_ in enumerate(calibration.bins, start=1):
        table.add_row(str(number), format_count(bin_.problems), _percent(bin_.predicted), _percent(bin_.measured))
    correlation = "none" if calibration.correlation is None else f"{calibration.correlation:.2f}"
    skipped = problems - sum(bin_.problems for bin_ in calibration.bins)
    return [
        "pass@1 % predicted from difficulty, and measured on samples other than the pilots:",
        table,
        f"Correlation {correlation}, Brier score {calibration.brier:.3f}, "
        f"expected calibration error {calibration.ece:.3f}.",
        *([f"Skipped: {pluralize(skipped, 'problem')} with too many failed samples."] if skipped else []),
        "",
    ]


def _table(*numbers: str, first: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    table.add_column(first)
    for title in numbers:
        table.add_column(title, justify="right")
    return table


def _row(row: RoutedResults) -> dict[str, Any]:
    return {"name": row.name, "accuracy": row.accuracy, "cost": row.cost}


def _cost_text(cost: float, unit: Cost) -> str:
    return format_flops(cost) if unit == "flops" else f"{format_count(cost)} {unit.replace('_', ' ')}"


def _percent(share: float, sign: str = "") -> str:
    return f"{100 * share:{sign}.1f}"
