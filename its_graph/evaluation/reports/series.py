"""Measured settings as curves: accuracy against what it costs, a curve for each strategy."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from its_graph.evaluation.outcome import Outcome
from its_graph.evaluation.runs.grid import GridCell
from its_graph.evaluation.summary import SummaryRow, summarize_outcomes

__all__ = ["AXES", "Axis", "CellOutcomes", "CurvePoint", "Series", "on_shared_problems", "build_series"]

CellOutcomes = Mapping[GridCell, Sequence[Outcome]]


class Axis(NamedTuple):
    """A cost that accuracy is held against."""

    name: str
    title: str
    cost: Callable[[SummaryRow], float | None]
    """Mean for a problem; None where it is not known."""


AXES = (
    Axis("generated_tokens", "generated tokens per problem", lambda row: row.mean_generated_tokens),
    Axis("tokens", "tokens per problem: prompt, generated, read by the verifier", lambda row: row.mean_tokens),
    Axis("flops", "FLOPs per problem, verifier included", lambda row: row.mean_flops),
    # A search that reuses samples has no time of its own.
    Axis("seconds", "seconds per search", lambda row: None if row.reused else row.seconds),
)


class CurvePoint(NamedTuple):
    """A setting on a curve."""

    arm: GridCell
    cost: float
    row: SummaryRow


class Series(NamedTuple):
    """A strategy at several widths, or under several budgets."""

    name: str
    points: tuple[CurvePoint, ...]
    """By ascending cost."""


def on_shared_problems(measured: CellOutcomes) -> dict[GridCell, list[Outcome]]:
    """Return the outcomes on the problems that every arm has ended; arms without any outcome are left out.

    A run that was stopped has ended some problems for some arms only, and the hard ones take longest.
    """
    begun = {arm: outcomes for arm, outcomes in measured.items() if outcomes}
    ended = [{one.index for one in outcomes} for outcomes in begun.values()]
    shared = set.intersection(*ended) if ended else set()
    chosen = {arm: [one for one in outcomes if one.index in shared] for arm, outcomes in begun.items()}
    return {arm: outcomes for arm, outcomes in chosen.items() if outcomes}


def build_series(measured: CellOutcomes, axis: Axis, among: Iterable[int] | None = None) -> list[Series]:
    """Return the curves on one axis; a setting without a cost is left out.

    Args:
        measured: outcomes of each arm.
        axis: what the costs are.
        among: numbers of the problems to look at; None takes all.
    """
    wanted = None if among is None else frozenset(among)
    curves: dict[str, list[CurvePoint]] = {}
    for arm, outcomes in measured.items():
        looked_at = [one for one in outcomes if wanted is None or one.index in wanted]
        row = summarize_outcomes(looked_at) if looked_at else None
        cost = axis.cost(row) if row else None
        if row and cost:
            curves.setdefault(_name(arm, _at_one_width(measured, arm)), []).append(CurvePoint(arm, cost, row))
    return [Series(name, tuple(sorted(points, key=lambda point: point.cost))) for name, points in curves.items()]


def _at_one_width(measured: CellOutcomes, arm: GridCell) -> bool:
    """Tell whether the arm's strategy was measured at one width, so that its curve runs over the budgets."""
    return len({other.n for other in measured if other.config.strategy == arm.config.strategy}) == 1


def _name(arm: GridCell, over_budgets: bool) -> str:
    """Name an arm's curve: the strategy, and what all points of the curve have in common beside it."""
    others = [f"{name}={value}" for name, value in arm.config.options.items() if name != "n"]
    tokens = arm.context.budget.tokens
    limit = [] if tokens is None or over_budgets else [f"at most {tokens:,} tokens"]
    return ", ".join([" ".join([arm.config.strategy, *others]), *limit])
