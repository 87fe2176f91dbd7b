"""Posteriors of AB-MCTS-A against docs/reference/algorithms.md 3.3, and their draws against the formulas."""

import statistics
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from its_graph.errors import ConfigurationError
from its_graph.nodes.rules.types import Rewards
from its_graph.nodes.tree_search.posteriors import NO_REWARDS, Beta, Gaussian

DRAWS = 20_000
unit = st.floats(0, 1, allow_subnormal=False)


def rewards(*seen: float) -> Rewards:
    found = NO_REWARDS
    for reward in seen:
        found = found.plus(reward)
    return found


@pytest.mark.parametrize(
    ("seen", "expected"),
    [((0.8,), (0.4, 2, 2, 0.21)), ((0.8, 0.6), (0.466667, 3, 3, 0.148889)), ((), (0, 1, 1, 0.1))],
)
def test_gaussian_posteriors(seen: tuple[float, ...], expected: tuple[float, ...]) -> None:
    """Reference 3.3: [.8] -> m .4, kappa 2, nu 2, tau2 .21; [.8, .6] -> .466667, 3, 3, .148889."""
    found = Gaussian().after(rewards(*seen))
    assert (found.m, found.kappa, found.nu, found.tau2) == pytest.approx(expected, abs=1e-6)


def test_the_formulas_for_another_prior() -> None:
    """Reference 3.3: m' = (kappa m + n ybar)/kappa', tau2' = (nu tau2 + SS + n kappa (m - ybar)^2/kappa')/nu'."""
    found = Gaussian(m=0.5, kappa=2, nu=3, tau2=0.2).after(rewards(0.2, 0.4, 0.9))
    squares = 0.3**2 + 0.1**2 + 0.4**2
    assert found.m == pytest.approx((2 * 0.5 + 3 * 0.5) / 5)
    assert (found.kappa, found.nu) == (5, 6)
    assert found.tau2 == pytest.approx((3 * 0.2 + squares + 3 * 2 * (0.5 - 0.5) ** 2 / 5) / 6)


def test_beta_posterior() -> None:
    """Reference 3.3: [.8, .6] -> (1.9, 1.1)."""
    found = Beta().after(rewards(0.8, 0.6))
    assert (found.a, found.b) == pytest.approx((1.9, 1.1))


@given(st.lists(unit, min_size=1, max_size=30))
def test_rewards_one_by_one_are_rewards_at_once(seen: list[float]) -> None:
    found = rewards(*seen)
    assert found.observed == len(seen)
    assert found.mean == pytest.approx(statistics.fmean(seen), abs=1e-12)
    assert found.squares == pytest.approx(statistics.pvariance(seen) * len(seen), abs=1e-12)


def test_gaussian_draws_have_the_mean_and_spread_of_students_t() -> None:
    """The drawn mean is t-distributed: nu degrees of freedom, variance tau2/kappa x nu/(nu - 2)."""
    belief, chance = Gaussian(m=0.6, kappa=4, nu=10, tau2=0.2), Random(1)
    drawn = [belief.draw(NO_REWARDS, chance) for _ in range(DRAWS)]
    assert statistics.fmean(drawn) == pytest.approx(0.6, abs=0.01)
    assert statistics.pvariance(drawn) == pytest.approx(0.2 / 4 * 10 / 8, rel=0.05)


def test_gaussian_draws_of_the_prior_have_the_heavy_tails_of_one_degree_of_freedom() -> None:
    """With nu = 1 it is Cauchy's distribution: quartiles at m +- sqrt(tau2/kappa)."""
    chance = Random(2)
    lower, median, upper = statistics.quantiles([Gaussian().draw(NO_REWARDS, chance) for _ in range(DRAWS)], n=4)
    assert median == pytest.approx(0, abs=0.02)
    assert (lower, upper) == pytest.approx((-(0.1**0.5), 0.1**0.5), rel=0.05)


def test_beta_draws_have_the_mean_and_spread_of_beta() -> None:
    belief, chance = Beta(1.9, 1.1), Random(3)
    drawn = [belief.draw(NO_REWARDS, chance) for _ in range(DRAWS)]
    assert statistics.fmean(drawn) == pytest.approx(1.9 / 3, abs=0.01)
    assert statistics.pvariance(drawn) == pytest.approx(1.9 * 1.1 / (9 * 4), rel=0.05)


def test_draws_after_rewards_are_draws_of_the_posterior() -> None:
    seen = rewards(0.8, 0.6, 0.1)
    for prior in (Gaussian(m=0.3, nu=2), Beta(2, 1)):
        assert prior.draw(seen, Random(4)) == prior.after(seen).draw(NO_REWARDS, Random(4))


class NoChance(Random):
    """A gamma draw that underflows, as small shapes may."""

    def gammavariate(self, alpha: float, beta: float) -> float:
        return 0.0


def test_a_draw_that_underflows_is_still_a_number() -> None:
    assert abs(Gaussian().draw(NO_REWARDS, NoChance(1))) < float("inf")


@pytest.mark.parametrize("wrong", [{"kappa": 0}, {"nu": -1.0}, {"tau2": float("nan")}])
def test_invalid_priors_are_rejected(wrong: dict[str, float]) -> None:
    with pytest.raises(ConfigurationError, match=rf"Gaussian parameters must be above 0; got {next(iter(wrong))}="):
        Gaussian(**wrong)
    with pytest.raises(ConfigurationError, match="Beta parameters"):
        Beta(a=0)
