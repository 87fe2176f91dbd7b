"""Posteriors over the mean reward of an arm: the two of AB-MCTS-A (2503.04412), as plain values.

Rewards are kept as three numbers, from which either posterior follows. Thompson sampling draws a mean from the
posterior of each arm and takes the arm with the highest.
"""

import sys
from dataclasses import dataclass
from math import sqrt
from random import Random
from typing import Protocol

from its_graph.errors import ConfigurationError
from its_graph.nodes.rules.types import Rewards

__all__ = ["NO_REWARDS", "Beta", "Gaussian", "Posterior"]

NO_REWARDS = Rewards()


class Posterior(Protocol):
    """The prior belief about the mean reward of an arm."""

    def draw(self, rewards: Rewards, rng: Random) -> float:
        """Draw a mean reward from the posterior after `rewards`."""
        ...


@dataclass(frozen=True, slots=True)
class Gaussian:
    """Normal-inverse-chi-squared: rewards are normal with unknown mean and variance. The default of AB-MCTS-A.

    Raises:
        ConfigurationError: if a parameter that must be positive is not.
    """

    m: float = 0.0
    """Expected mean."""
    kappa: float = 1.0
    """Weight of the expected mean, in rewards; above 0."""
    nu: float = 1.0
    """Weight of the expected variance, in rewards; above 0."""
    tau2: float = 0.1
    """Expected variance; above 0."""

    def __post_init__(self) -> None:
        _require_positive(self, kappa=self.kappa, nu=self.nu, tau2=self.tau2)

    def after(self, rewards: Rewards) -> "Gaussian":
        """Return the belief after `rewards`."""
        return Gaussian(*self._after(rewards))

    def draw(self, rewards: Rewards, rng: Random) -> float:
        """Draw a variance from InvGamma(nu/2, scale nu tau2/2), then a mean from Normal(m, variance/kappa)."""
        m, kappa, nu, tau2 = self._after(rewards)
        gamma = max(rng.gammavariate(nu / 2, 1.0), sys.float_info.min)  # small shapes underflow to 0
        return rng.gauss(m, sqrt(nu * tau2 / 2 / gamma / kappa))

    def _after(self, rewards: Rewards) -> tuple[float, float, float, float]:
        n, mean, squares = rewards
        kappa, nu = self.kappa + n, self.nu + n
        between = n * self.kappa * (self.m - mean) ** 2 / kappa
        return (self.kappa * self.m + n * mean) / kappa, kappa, nu, (self.nu * self.tau2 + squares + between) / nu


@dataclass(frozen=True, slots=True)
class Beta:
    """Beta: a reward in [0, 1] counts as that fraction of a success. The default is Jeffreys' prior.

    Raises:
        ConfigurationError: if a parameter is not positive.
    """

    a: float = 0.5
    """Prior successes; above 0."""
    b: float = 0.5
    """Prior failures; above 0."""

    def __post_init__(self) -> None:
        _require_positive(self, a=self.a, b=self.b)

    def after(self, rewards: Rewards) -> "Beta":
        """Return the belief after `rewards`."""
        return Beta(*self._after(rewards))

    def draw(self, rewards: Rewards, rng: Random) -> float:
        """Draw a mean from Beta(a, b)."""
        return rng.betavariate(*self._after(rewards))

    def _after(self, rewards: Rewards) -> tuple[float, float]:
        n, mean, _ = rewards
        return self.a + n * mean, self.b + n * (1 - mean)


def _require_positive(prior: object, **parameters: float) -> None:
    if invalid := {name: value for name, value in parameters.items() if not value > 0}:
        listed = ", ".join(f"{name}={value!r}" for name, value in invalid.items())
        raise ConfigurationError(f"{type(prior).__name__} parameters must be above 0; got {listed}.")
