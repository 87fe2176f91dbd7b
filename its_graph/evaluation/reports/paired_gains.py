"""The paired gain of each grid cell over its baseline, problem by problem."""

from collections.abc import Sequence
from typing import NamedTuple

from its_graph.evaluation.reports.series import CellOutcomes
from its_graph.evaluation.runs.grid import GridCell
from its_graph.evaluation.summary import compare_outcomes
from its_graph.statistics import Difference

__all__ = ["PairedGain", "paired_gains"]


class PairedGain(NamedTuple):
    """How much more accurate `cell` is than `baseline`."""

    cell: GridCell
    baseline: GridCell
    difference: Difference


def paired_gains(measured: CellOutcomes, *, seed: int = 0) -> list[PairedGain]:
    """Compare each cell with the previous strategy at the same width and budget, or else with the previous cell.

    Cells without outcomes, or without a problem in common with their baseline, are left out.
    """
    cells = [cell for cell, outcomes in measured.items() if outcomes]
    gains = []
    for index, cell in enumerate(cells[1:], start=1):
        baseline = _baseline(cells[:index], cell)
        difference = compare_outcomes(measured[cell], measured[baseline], seed=seed)
        if difference:
            gains.append(PairedGain(cell, baseline, difference))
    return gains


def _baseline(previous: Sequence[GridCell], cell: GridCell) -> GridCell:
    comparable = (other for other in reversed(previous) if other.n == cell.n and other.context == cell.context)
    return next((other for other in comparable if other.config.strategy != cell.config.strategy), previous[-1])
