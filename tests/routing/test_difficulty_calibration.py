"""Predicted against measured chances."""

import pytest

from its_graph.errors import ConfigurationError
from its_graph.routing.difficulty_calibration import calibrate_difficulty


def test_a_perfect_estimate() -> None:
    found = calibrate_difficulty([0.0, 0.5, 1.0], [1.0, 0.5, 0.0], [0, 0, 1])
    assert (found.brier, found.ece) == (0.0, 0.0)
    assert found.correlation == pytest.approx(1.0)
    assert found.bins == ((2, 0.75, 0.75), (1, 0.0, 0.0))


def test_an_overconfident_estimate() -> None:
    """Predicted 1 and 0, measured .8 and .4: .2 and .4 off."""
    found = calibrate_difficulty([0.0, 0.0, 0.0, 1.0], [0.8, 0.8, 0.8, 0.4], [0, 0, 0, 1])
    assert found.ece == pytest.approx((3 * 0.2 + 0.4) / 4)
    assert found.brier == pytest.approx((3 * 0.04 + 0.16) / 4)
    assert found.bins[1].predicted == 0.0
    assert found.bins[1].measured == pytest.approx(0.4)
    assert found.as_data()["ece"] == found.ece


def test_an_estimate_that_never_varies_correlates_with_nothing() -> None:
    assert calibrate_difficulty([0.5, 0.5], [1.0, 0.0], [0, 0]).correlation is None


def test_one_of_each_for_every_problem() -> None:
    with pytest.raises(ConfigurationError, match="Given: 1, 2 and 1"):
        calibrate_difficulty([0.5], [0.5, 0.1], [0])
    with pytest.raises(ConfigurationError, match="Given: 0"):
        calibrate_difficulty([], [], [])
