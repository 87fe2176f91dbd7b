"""What rewards tell about the next one: the two posteriors of AB-MCTS-A (2503.04412), as plain values.

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
    """What is believed of the mean reward of an arm, before it has brought any."""

    def draw(self, rewards: Rewards, chance: Random) -> float:
        """Draw a mean reward from what is believed after `rewards`."""
        ...


@dataclass(frozen=True, slots=True)
class Gaussian:
    """Normal-inverse-chi-squared: rewards are normal with unknown mean and variance. The default of AB-MCTS-A."""

    m: float = 0.0
    """Expected mean."""
    kappa: float = 1.0
    """How many rewards the expected mean is worth; above 0."""
    nu: float = 1.0
    """How many rewards the expected variance is worth; above 0."""
    tau2: float = 0.1
    """Expected variance; above 0."""

    def __post_init__(self) -> None:
        _positive(self, kappa=self.kappa, nu=self.nu, tau2=self.tau2)

    def after(self, rewards: Rewards) -> "Gaussian":
        """Return the belief after `rewards`."""
        return Gaussian(*self._after(rewards))

    def draw(self, rewards: Rewards, chance: Random) -> float:
        """Draw a variance from InvGamma(nu/2, scale nu tau2/2), then a mean from Normal(m, variance/kappa)."""
        m, kappa, nu, tau2 = self._after(rewards)
        gamma = max(chance.gammavariate(nu / 2, 1.0), sys.float_info.min)  # small shapes underflow to 0
        return chance.gauss(m, sqrt(nu * tau2 / 2 / gamma / kappa))

    def _after(self, rewards: Rewards) -> tuple[float, float, float, float]:
        n, mean, squares = rewards
        kappa, nu = self.kappa + n, self.nu + n
        apart = n * self.kappa * (self.m - mean) ** 2 / kappa
        return (self.kappa * self.m + n * mean) / kappa, kappa, nu, (self.nu * self.tau2 + squares + apart) / nu


@dataclass(frozen=True, slots=True)
class Beta:
    """Beta: a reward in [0, 1] counts as that much of a success. The default is Jeffreys' prior."""

    a: float = 0.5
    """Successes; above 0."""
    b: float = 0.5
    """Failures; above 0."""

    def __post_init__(self) -> None:
        _positive(self, a=self.a, b=self.b)

    def after(self, rewards: Rewards) -> "Beta":
        """Return the belief after `rewards`."""
        return Beta(*self._after(rewards))

    def draw(self, rewards: Rewards, chance: Random) -> float:
        """Draw a mean from Beta(a, b)."""
        return chance.betavariate(*self._after(rewards))

    def _after(self, rewards: Rewards) -> tuple[float, float]:
        n, mean, _ = rewards
        return self.a + n * mean, self.b + n * (1 - mean)


def _positive(prior: object, **given: float) -> None:
    if wrong := {name: value for name, value in given.items() if not value > 0}:
        named = ", ".join(f"{name}={value!r}" for name, value in wrong.items())
        raise ConfigurationError(f"{type(prior).__name__} needs parameters above 0. Given: {named}.")
