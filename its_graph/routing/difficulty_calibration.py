"""Calibration of a difficulty estimate: predicted against measured success probabilities.

1 - difficulty is read as the predicted probability that a single sample is correct (pass@1). The measured one must come
from samples that the estimate has not seen: otherwise a pilot that was correct by luck would confirm itself.
"""

import statistics
from collections.abc import Sequence
from typing import Any, NamedTuple

from its_graph.errors import ConfigurationError

__all__ = ["CalibrationBin", "DifficultyCalibration", "calibrate_difficulty"]


class CalibrationBin(NamedTuple):
    """Means over the problems of one bin."""

    problems: int
    predicted: float
    measured: float


class DifficultyCalibration(NamedTuple):
    """Predicted against measured pass@1."""

    correlation: float | None
    """Pearson correlation over problems; None if either is constant."""
    brier: float
    """Mean squared difference; lower is better."""
    ece: float
    """Expected calibration error: mean over bins, weighted by size, of |predicted - measured|."""
    bins: tuple[CalibrationBin, ...]
    """The easiest first."""

    def as_data(self) -> dict[str, Any]:
        """Return it as plain data for a file."""
        return self._asdict() | {"bins": [calibration_bin._asdict() for calibration_bin in self.bins]}


def calibrate_difficulty(
    difficulties: Sequence[float], pass_at_1: Sequence[float], bin_of: Sequence[int]
) -> DifficultyCalibration:
    """Compare estimated difficulties with measured success probabilities.

    Args:
        difficulties: the estimate of each problem, in [0, 1].
        pass_at_1: share of correct samples of each problem, among samples other than the pilots.
        bin_of: bin of each problem by the policy.

    Raises:
        ConfigurationError: there are no problems, or the lengths differ.
    """
    if not len(difficulties) == len(pass_at_1) == len(bin_of) or not difficulties:
        raise ConfigurationError(
            "Calibration needs an estimate, a measured probability and a bin for every problem; "
            f"got {len(difficulties)}, {len(pass_at_1)} and {len(bin_of)}."
        )
    predicted = [1 - difficulty for difficulty in difficulties]
    pairs = list(zip(predicted, pass_at_1, strict=True))
    bins = tuple(
        _bin([pair for pair, index in zip(pairs, bin_of, strict=True) if index == bin_index])
        for bin_index in sorted(set(bin_of))
    )
    errors = [abs(row.predicted - row.measured) for row in bins for _ in range(row.problems)]
    return DifficultyCalibration(
        correlation=_correlation(predicted, pass_at_1),
        brier=statistics.fmean([(a - b) ** 2 for a, b in pairs]),
        ece=statistics.fmean(errors),
        bins=bins,
    )


def _bin(pairs: Sequence[tuple[float, float]]) -> CalibrationBin:
    return CalibrationBin(len(pairs), *(statistics.fmean(column) for column in zip(*pairs, strict=True)))


def _correlation(predicted: Sequence[float], measured: Sequence[float]) -> float | None:
    varied = len(set(predicted)) > 1 and len(set(measured)) > 1
    return statistics.correlation(predicted, measured) if varied else None
