"""Control, scaling and performance of s1 (2501.19393): docs/reference/algorithms.md 4.2."""

import pytest

from its_graph.errors import ConfigurationError
from its_graph.evaluation.budget_forcing import ForcedRun, control, performance, scaling


def test_control_is_the_share_of_runs_within_their_limits() -> None:
    """Both limits are inclusive; one run is too long, one too short."""
    runs = [
        ForcedRun(100, 100, 0.5),
        ForcedRun(200, 201, 0.5),
        ForcedRun(200, 150, 0.5, floor=150),
        ForcedRun(200, 149, 0.5, floor=150),
        ForcedRun(200, 199.5, 0.5),
    ]
    assert control(runs) == pytest.approx(3 / 5)


def test_scaling_is_the_mean_slope_over_all_pairs() -> None:
    """f(1) = .1, f(2) = .3, f(4) = .2: slopes .2, .1/3, -.05."""
    runs = [ForcedRun(9, 1, 0.1), ForcedRun(9, 2, 0.3), ForcedRun(9, 4, 0.2)]
    assert scaling(runs) == pytest.approx((0.2 + 0.1 / 3 - 0.05) / 3)
    assert scaling(runs[::-1]) == pytest.approx(scaling(runs))


def test_a_line_has_its_own_slope() -> None:
    assert scaling([ForcedRun(9, x, 0.1 * x) for x in (1, 2, 3, 7)]) == pytest.approx(0.1)


def test_runs_of_equal_length_have_no_slope() -> None:
    runs = [ForcedRun(9, 1, 0.1), ForcedRun(9, 1, 0.9), ForcedRun(9, 3, 0.5)]
    assert scaling(runs) == pytest.approx(((0.5 - 0.1) / 2 + (0.5 - 0.9) / 2) / 2)
    with pytest.raises(ConfigurationError, match="2 runs of equal length"):
        scaling(runs[:2])


def test_performance_is_the_best_accuracy() -> None:
    assert performance([ForcedRun(9, 1, 0.1), ForcedRun(9, 2, 0.3), ForcedRun(9, 4, 0.2)]) == 0.3


@pytest.mark.parametrize("figure", [control, performance, scaling])
def test_no_runs_are_an_error(figure: object) -> None:
    with pytest.raises(ConfigurationError):
        figure([])  # type: ignore[operator]
