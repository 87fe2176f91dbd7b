"""Measured configs as curves: accuracy against cost, one curve for each strategy."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from its_graph.evaluation.outcome import Outcome
from its_graph.evaluation.runs.grid import GridCell
from its_graph.evaluation.summary import SummaryRow, summarize_outcomes

__all__ = ["AXES", "Axis", "CellOutcomes", "CurvePoint", "Series", "build_series", "on_shared_problems"]

CellOutcomes = Mapping[GridCell, Sequence[Outcome]]


class Axis(NamedTuple):
    """A cost that accuracy is plotted against."""

    name: str
    title: str
    cost: Callable[[SummaryRow], float | None]
    """Mean per problem; None if it is unknown."""


AXES = (
    Axis("generated_tokens", "generated tokens per problem", lambda row: row.mean_generated_tokens),
    Axis("tokens", "tokens per problem: prompt, generated, read by the verifier", lambda row: row.mean_tokens),
    Axis("flops", "FLOPs per problem, verifier included", lambda row: row.mean_flops),
    # The wall time of a search that reuses samples is not its own.
    Axis("seconds", "seconds per search", lambda row: None if row.reused else row.seconds),
)


class CurvePoint(NamedTuple):
    """A grid cell on a curve."""

    cell: GridCell
    cost: float
    row: SummaryRow


class Series(NamedTuple):
    """A strategy at several widths, or under several budgets."""

    name: str
    points: tuple[CurvePoint, ...]
    """By ascending cost."""


def on_shared_problems(measured: CellOutcomes) -> dict[GridCell, list[Outcome]]:
    """Return the outcomes on the problems that every cell has completed; cells without any outcome are left out.

    A run that was stopped has completed some problems for some cells only, and hard problems take longest.
    """
    started = {cell: outcomes for cell, outcomes in measured.items() if outcomes}
    completed = [{outcome.index for outcome in outcomes} for outcomes in started.values()]
    shared = set.intersection(*completed) if completed else set()
    restricted = {
        cell: [outcome for outcome in outcomes if outcome.index in shared] for cell, outcomes in started.items()
    }
    return {cell: outcomes for cell, outcomes in restricted.items() if outcomes}


def build_series(measured: CellOutcomes, axis: Axis, problems: Iterable[int] | None = None) -> list[Series]:
    """Return the curves on one axis; a cell without a cost is left out.

    Args:
        measured: outcomes of each cell.
        axis: the kind of cost.
        problems: indices of the problems to include; None takes all.
    """
    included = None if problems is None else frozenset(problems)
    curves: dict[str, list[CurvePoint]] = {}
    for cell, outcomes in measured.items():
        selected = [outcome for outcome in outcomes if included is None or outcome.index in included]
        row = summarize_outcomes(selected) if selected else None
        cost = axis.cost(row) if row else None
        if row and cost:
            curves.setdefault(_name(cell, _has_one_width(measured, cell)), []).append(CurvePoint(cell, cost, row))
    return [Series(name, tuple(sorted(points, key=lambda point: point.cost))) for name, points in curves.items()]


def _has_one_width(measured: CellOutcomes, cell: GridCell) -> bool:
    """Return whether the cell's strategy was measured at one width only, so that its curve runs over budgets."""
    return len({other.n for other in measured if other.config.strategy == cell.config.strategy}) == 1


def _name(cell: GridCell, over_budgets: bool) -> str:
    """Return the name of the cell's curve: the strategy, and what else all points of the curve have in common."""
    options = [f"{name}={value}" for name, value in cell.config.options.items() if name != "n"]
    tokens = cell.context.budget.tokens
    limit = [] if tokens is None or over_budgets else [f"at most {tokens:,} tokens"]
    return ", ".join([" ".join([cell.config.strategy, *options]), *limit])
