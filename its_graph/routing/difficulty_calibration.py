"""How far an estimate of difficulty can be trusted: what it predicts beside what was measured.

1 - difficulty is read as the predicted chance of a single sample (pass@1). The measured chance must come from samples
that the estimate has not seen: a pilot that was right by luck would otherwise confirm itself.
"""

import math
import statistics
from collections.abc import Sequence
from typing import Any, NamedTuple

from its_graph.errors import ConfigurationError

__all__ = ["CalibrationBin", "DifficultyCalibration", "calibrate_difficulty"]


class CalibrationBin(NamedTuple):
    """The problems of one bin. Means."""

    problems: int
    predicted: float
    measured: float


class DifficultyCalibration(NamedTuple):
    """Predicted against measured pass@1."""

    correlation: float | None
    """Pearson's, over problems; None where either does not vary."""
    brier: float
    """Mean squared difference; the lower the better."""
    ece: float
    """Expected calibration error: mean over bins, by size, of |predicted - measured|."""
    bins: tuple[CalibrationBin, ...]
    """The easiest first."""

    def as_data(self) -> dict[str, Any]:
        """Return it as plain data for a file."""
        return self._asdict() | {"bins": [one._asdict() for one in self.bins]}


def calibrate_difficulty(
    difficulties: Sequence[float], pass_at_1: Sequence[float], bin_of: Sequence[int]
) -> DifficultyCalibration:
    """Compare estimates with measured chances.

    Args:
        difficulties: a problem's estimate each, in [0, 1].
        pass_at_1: its share of right samples, among samples other than the pilots.
        bin_of: the bin that the policy puts it in.

    Raises:
        ConfigurationError: there are no problems, or not one of each for every problem.
    """
    if not len(difficulties) == len(pass_at_1) == len(bin_of) or not difficulties:
        raise ConfigurationError(
            "Calibration needs an estimate, a measured chance and a bin for every problem. "
            f"Given: {len(difficulties)}, {len(pass_at_1)} and {len(bin_of)}."
        )
    predicted = [1 - difficulty for difficulty in difficulties]
    bins = tuple(
        _bin([pair for pair, place in zip(zip(predicted, pass_at_1, strict=True), bin_of, strict=True) if place == one])
        for one in sorted(set(bin_of))
    )
    return DifficultyCalibration(
        correlation=_correlation(predicted, pass_at_1),
        brier=_mean([(a - b) ** 2 for a, b in zip(predicted, pass_at_1, strict=True)]),
        ece=_mean([abs(one.predicted - one.measured) for one in bins for _ in range(one.problems)]),
        bins=bins,
    )


def _bin(pairs: Sequence[tuple[float, float]]) -> CalibrationBin:
    return CalibrationBin(len(pairs), *(_mean(column) for column in zip(*pairs, strict=True)))


def _correlation(one: Sequence[float], other: Sequence[float]) -> float | None:
    varied = len(set(one)) > 1 and len(set(other)) > 1
    return statistics.correlation(one, other) if varied else None


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values)
