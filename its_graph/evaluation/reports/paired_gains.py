"""What each setting gains over the one that it has to beat, problem by problem."""

from collections.abc import Sequence
from typing import NamedTuple

from its_graph.evaluation.reports.series import CellOutcomes
from its_graph.evaluation.runs.grid import GridCell
from its_graph.evaluation.summary import compare_outcomes
from its_graph.statistics import Difference

__all__ = ["PairedGain", "paired_gains"]


class PairedGain(NamedTuple):
    """How much more accurate `arm` is than `over`."""

    arm: GridCell
    over: GridCell
    difference: Difference


def paired_gains(measured: CellOutcomes, *, seed: int = 0) -> list[PairedGain]:
    """Compare each arm with the strategy before it at the same width and budget, else with the arm before it.

    Arms without outcomes, or without a problem in common, are left out.
    """
    begun = [arm for arm, outcomes in measured.items() if outcomes]
    found = []
    for place, arm in enumerate(begun[1:], start=1):
        over = _rival(begun[:place], arm)
        difference = compare_outcomes(measured[arm], measured[over], seed=seed)
        if difference:
            found.append(PairedGain(arm, over, difference))
    return found


def _rival(before: Sequence[GridCell], arm: GridCell) -> GridCell:
    equal = (other for other in reversed(before) if other.n == arm.n and other.context == arm.context)
    return next((other for other in equal if other.config.strategy != arm.config.strategy), before[-1])
