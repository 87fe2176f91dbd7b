"""What `calibrate` prints and writes: the policy's table, its worth, the curves behind it, and the calibration."""

from pathlib import Path
from typing import Any

from rich import box
from rich.console import Group
from rich.table import Table

from its_graph.cli.display.formatting import compute, count, counted
from its_graph.evaluation.router.policy_calibration import PolicyCalibration
from its_graph.routing.crossfit import RoutedResults
from its_graph.routing.difficulty_calibration import DifficultyCalibration
from its_graph.routing.policy import Cost, Policy
from its_graph.statistics import Difference

__all__ = ["as_data", "calibration_tables"]


def as_data(fitted: PolicyCalibration) -> dict[str, Any]:
    """Return what the fit is worth as plain data, for the policy's `fitted_on`."""
    return {
        "cross_fitted": [_row(row) for row in fitted.cross_fitted],
        "fixed": [_row(row) for row in fitted.fixed],
        "gains": [{"fixed": one.fixed.name, **one.gain.accuracy._asdict()} for one in fitted.comparisons],
        "reference": fitted.reference.name,
        "cheapest_match": _row(fitted.cheapest_match) if fitted.cheapest_match else None,
        "calibration": fitted.calibration.as_data() if fitted.calibration else None,
    }


def calibration_tables(fitted: PolicyCalibration, out: Path) -> Group:
    """Return everything for a terminal."""
    policy = fitted.policy
    scope = "on average" if policy.budget_scope == "on_average" else "in each bin"
    return Group(
        f"What to do, by difficulty ({policy.estimator}, {counted(policy.pilots, 'pilot')}) and budget {scope}:",
        _choices(policy),
        "Accuracy % by difficulty, behind the pilots:",
        _curves(policy),
        "One setting for every question, and the router with its cost for a budget, on problems new to "
        "it (cross-fitted), accuracy %:",
        _worth(fitted),
        verdict(fitted),
        "",
        *_calibration(fitted.calibration, len(fitted.fixed[0].results)),
        f"Written to {out}. Use it: its-graph solve ... --strategy compute_optimal --set policy={out}",
    )


def verdict(fitted: PolicyCalibration) -> str:
    """Return in words how much compute the router saves at the reference's accuracy."""
    reference, reaching, unit = fitted.reference, fitted.cheapest_match, fitted.policy.unit
    goal = f"{reference.name} for every question: {_percent(reference.accuracy)} % at {_cost(reference.cost, unit)}."
    if reaching is None:
        best = max(fitted.cross_fitted, key=lambda row: (row.accuracy, -row.cost))
        return (
            f"{goal} The router does not reach that on problems new to it; its best is "
            f"{_percent(best.accuracy)} % at {_cost(best.cost, unit)}."
        )
    return (
        f"{goal} The router, on problems new to it: {_percent(reaching.accuracy)} % at {_cost(reaching.cost, unit)}, "
        f"{reference.cost / reaching.cost:.1f} times less."
    )


def _choices(policy: Policy) -> Table:
    """Return budget by bin."""
    table = _table(first="budget")
    for place, curve in enumerate(policy.curves):
        low = policy.thresholds[place - 1] if place else 0.0
        table.add_column(f"bin {place + 1}: from {low:.2f}\n{counted(curve[0].problems, 'problem')}")
    for column, budget in enumerate(policy.budgets):
        table.add_row(_cost(budget, policy.unit), *(row[column].label for row in policy.table))
    return table


def _curves(policy: Policy) -> Table:
    """Return the accuracy of each setting in each bin, in the order of mean cost."""
    points = [{point.config: point for point in curve} for curve in policy.curves]
    problems = sum(curve[0].problems for curve in policy.curves)
    means = {
        setting: sum(one[setting].problems * one[setting].cost for one in points) / problems for setting in points[0]
    }
    table = _table("cost", *(f"bin {place}" for place in range(1, len(points) + 1)), first="setting")
    for setting in sorted(means, key=lambda one: means[one]):
        accuracies = (_percent(one[setting].accuracy) for one in points)
        table.add_row(setting.label, _cost(means[setting], policy.unit), *accuracies)
    return table


def _worth(fitted: PolicyCalibration) -> Table:
    """Return every fixed setting, and the router where it may cost as much: what it did cost, on problems new to it."""
    table = _table("cost", "fixed", "router's\ncost", "router", "gain of the router", first="setting")
    rivals = {one.fixed.name: one for one in fitted.comparisons}
    for row in fitted.fixed:
        cells = [row.name, _cost(row.cost, fitted.policy.unit), _percent(row.accuracy)]
        if rival := rivals.get(row.name):
            cost = _cost(rival.routed.cost, fitted.policy.unit)
            cells += [cost, _percent(rival.routed.accuracy), _gain(rival.gain.accuracy)]
        table.add_row(*cells)
    return table


def _gain(gain: Difference) -> str:
    # A backslash keeps rich from reading the bracket as markup.
    low, high = (_percent(end, "+") for end in gain.ci95)
    return rf"{_percent(gain.mean, '+')} \[{low}, {high}]"


def _calibration(found: DifficultyCalibration | None, problems: int) -> list[Any]:
    if found is None:
        return ["Too few samples were drawn to tell how far the estimate can be trusted.", ""]
    table = _table("problems", "predicted", "measured", first="bin")
    for place, one in enumerate(found.bins, start=1):
        table.add_row(str(place), count(one.problems), _percent(one.predicted), _percent(one.measured))
    correlation = "none" if found.correlation is None else f"{found.correlation:.2f}"
    lost = problems - sum(one.problems for one in found.bins)
    return [
        "Chance of a single sample (pass@1) as difficulty predicts it, and on samples other than the pilots, %:",
        table,
        f"Correlation {correlation}, Brier {found.brier:.3f}, expected calibration error {found.ece:.3f}.",
        *([f"Left out: {counted(lost, 'problem')} of which too many samples failed."] if lost else []),
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


def _cost(cost: float, unit: Cost) -> str:
    return compute(cost) if unit == "flops" else f"{count(cost)} {unit.replace('_', ' ')}"


def _percent(share: float, sign: str = "") -> str:
    return f"{100 * share:{sign}.1f}"
