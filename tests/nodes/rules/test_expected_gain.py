"""The expected gain of one more score: against tables, against a numerical integral, and as a stop rule."""

import math
import random
from collections.abc import Callable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from its_graph.nodes.rules.expected_gain import expected_gain, expected_gain_below, student_density, student_tail
from its_graph.search.tree import Tree

MakeTree = Callable[..., Tree]


@pytest.mark.parametrize(
    ("freedom", "z", "tail"),
    [
        (1, 1.0, 0.25),  # Cauchy: 1/2 - atan(z) / pi
        (1, 6.314, 0.05),
        (2, 2.920, 0.05),
        (3, 2.353, 0.05),
        (4, 2.776, 0.025),
        (5, 2.015, 0.05),
        (10, 2.764, 0.01),
        (11, 1.796, 0.05),
        (30, 2.750, 0.005),
    ],
)
def test_tails_are_those_of_the_printed_tables(freedom: int, z: float, tail: float) -> None:
    """Quantiles of Student's distribution, three decimals."""
    assert student_tail(z, freedom) == pytest.approx(tail, rel=2e-3)
    assert student_tail(-z, freedom) == pytest.approx(1 - tail, rel=2e-3)


@pytest.mark.parametrize("freedom", [1, 2, 3, 8, 17])
def test_the_density_is_the_slope_of_the_tail(freedom: int) -> None:
    for z in (-3.0, -0.4, 0.0, 1.3, 5.0):
        slope = (student_tail(z - 1e-5, freedom) - student_tail(z + 1e-5, freedom)) / 2e-5
        assert student_density(z, freedom) == pytest.approx(slope, rel=1e-5)


def integral(scores: Sequence[float], points: int = 20_000) -> float:
    """E[min(next, 1) - best]+ by the midpoint rule, the next score being normal with mean and variance of their prior.

    Written another way than the module: the posterior is reached one score after another, and mean and variance are
    mixed out numerically by the density of the predictive distribution.
    """
    kappa, nu, mu, squares = 1.0, 1.0, 0.5, 1 / 12
    for score in scores:
        squares += kappa / (kappa + 1) * (score - mu) ** 2
        mu = (kappa * mu + score) / (kappa + 1)
        kappa, nu = kappa + 1, nu + 1
    scale = math.sqrt(squares * (kappa + 1) / (nu * kappa))
    best = max(scores)
    width = (1 - best) / points
    inside = sum(
        (place + 0.5) * width * student_density((best + (place + 0.5) * width - mu) / scale, int(nu)) / scale * width
        for place in range(points)
    )
    return inside + (1 - best) * student_tail((1 - mu) / scale, int(nu))


@pytest.mark.parametrize(
    "scores", [[0.9], [0.1], [0.5, 0.5], [0.1, 0.9], [0.2, 0.4, 0.7], [0.99] * 4, [0.05 * i for i in range(12)]]
)
def test_the_closed_form_is_the_integral(scores: list[float]) -> None:
    assert expected_gain(scores) == pytest.approx(integral(scores), rel=1e-6, abs=1e-12)


def test_one_score_by_hand() -> None:
    """Score 1/2: kappa = nu = 2, mu = 1/2, S = 1/12, s = sqrt(1/16) = 1/4.

    At z = 0: f(0) = 1 / (2 sqrt 2), so I(1/2) = 2 s f(0) = sqrt(2) / 8. At z = 2: f(2) = (1 + 2)^(-3/2) / (2 sqrt 2),
    P(t > 2) = (1 - 2 / sqrt 6) / 2, so I(1) = s (6 f(2) - 2 P).
    """
    beyond = 0.25 * (6 * 3**-1.5 / (2 * math.sqrt(2)) - (1 - 2 / math.sqrt(6)))
    assert expected_gain([0.5]) == pytest.approx(math.sqrt(2) / 8 - beyond)
    assert expected_gain([0.5]) == pytest.approx(0.120591, abs=1e-6)


scores = st.lists(st.floats(0, 1), min_size=1, max_size=30)


@given(scores)
def test_a_gain_is_no_more_than_what_is_left(given: list[float]) -> None:
    assert 0 <= expected_gain(given) <= 1 - max(given) + 1e-12


@given(scores)
def test_the_order_of_scores_does_not_matter(given: list[float]) -> None:
    mixed = random.Random(0).sample(given, len(given))
    assert expected_gain(mixed) == pytest.approx(expected_gain(given), rel=1e-9, abs=1e-12)


def test_nothing_is_left_above_one() -> None:
    assert expected_gain([0.2, 1.0]) == 0.0


def test_repeated_failures_lower_the_expected_gain() -> None:
    gains = [expected_gain([0.1] * n) for n in (1, 2, 4, 8, 16, 32)]
    assert gains == sorted(gains, reverse=True)


def test_the_rule_stops_below_its_price(solutions: MakeTree) -> None:
    gain = expected_gain([0.2, 0.7])
    tree = solutions(["A", "B"], [0.2, 0.7])
    assert expected_gain_below(gain * 1.01)(tree) == "expected_gain"
    assert expected_gain_below(gain)(tree) is None
    assert expected_gain_below(gain * 0.99)(tree) is None


def test_price_zero_never_stops(solutions: MakeTree) -> None:
    assert expected_gain_below(0.0)(solutions(["A"], [1.0])) is None


def test_without_a_score_it_continues(solutions: MakeTree) -> None:
    assert expected_gain_below(9.0)(solutions(["A", "B"])) is None
    assert expected_gain_below(9.0)(solutions(["A", "B"], [None, None])) is None


def test_only_complete_solutions_count(solutions: MakeTree) -> None:
    """A cut-off one cannot be the answer, however well it was scored: it must not end the search."""
    cut = solutions(["A", "B"], [0.3, 1.0], ["end", "length"])
    assert expected_gain_below(expected_gain([0.3]))(cut) is None
    assert expected_gain_below(expected_gain([0.3]) + 1e-9)(cut) == "expected_gain"


def test_an_unbounded_score_goes_through_a_sigmoid(solutions: MakeTree) -> None:
    unit = solutions(["A", "B"], [0.5, 1 / (1 + math.exp(-4))])
    real = solutions(["A", "B"], [0.0, 4.0])
    gain = expected_gain([0.5, 1 / (1 + math.exp(-4))])
    for price in (gain * 0.99, gain * 1.01):
        assert expected_gain_below(price, "real")(real) == expected_gain_below(price)(unit)
