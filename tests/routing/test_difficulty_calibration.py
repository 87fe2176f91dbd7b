"""Predicted against measured success probabilities."""

import pytest

from its_graph.errors import ConfigurationError
from its_graph.routing.difficulty_calibration import calibrate_difficulty


def test_a_perfect_estimate() -> None:
    calibration = calibrate_difficulty([0.0, 0.5, 1.0], [1.0, 0.5, 0.0], [0, 0, 1])
    assert (calibration.brier, calibration.ece) == (0.0, 0.0)
    assert calibration.correlation == pytest.approx(1.0)
    assert calibration.bins == ((2, 0.75, 0.75), (1, 0.0, 0.0))


def test_an_overconfident_estimate() -> None:
    """Predicted 1 and 0, measured .8 and .4: .2 and .4 off."""
    calibration = calibrate_difficulty([0.0, 0.0, 0.0, 1.0], [0.8, 0.8, 0.8, 0.4], [0, 0, 0, 1])
    assert calibration.ece == pytest.approx((3 * 0.2 + 0.4) / 4)
    assert calibration.brier == pytest.approx((3 * 0.04 + 0.16) / 4)
    assert calibration.bins[1].predicted == 0.0
    assert calibration.bins[1].measured == pytest.approx(0.4)
    assert calibration.as_data()["ece"] == calibration.ece


def test_a_constant_estimate_has_no_correlation() -> None:
    assert calibrate_difficulty([0.5, 0.5], [1.0, 0.0], [0, 0]).correlation is None


def test_lengths_must_match() -> None:
    with pytest.raises(ConfigurationError, match="got 1, 2 and 1"):
        calibrate_difficulty([0.5], [0.5, 0.1], [0])
    with pytest.raises(ConfigurationError, match="got 0"):
        calibrate_difficulty([], [], [])
