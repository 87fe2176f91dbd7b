"""What a policy is worth on problems that it was not fitted on: two-fold cross-fitting, and how much compute it saves.

The choice of the best measured setting flatters itself on the problems that it was made on. So the settings are chosen
on one half of the problems and measured on the other, both ways round (Snell et al. 2408.03314, section 3.2).
"""

import random
from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeAlias

from its_graph.errors import ConfigurationError
from its_graph.routing.policy import Policy
from its_graph.routing.trials import Trial, TrialResult, mean_result
from its_graph.statistics import Difference, paired_difference

__all__ = ["Fit", "RoutingGain", "RoutedResults", "cheapest_at_accuracy", "cross_fit", "routing_gain", "route_trials"]

Fit: TypeAlias = Callable[[Sequence[Trial]], Policy]
"""From problems to a policy; the same budgets for any problems."""


class RoutedResults(NamedTuple):
    """All problems under one budget, or under one fixed setting."""

    name: str
    results: tuple[TrialResult, ...]
    """In the order of the problems."""

    @property
    def accuracy(self) -> float:
        """Share of the problems that came out right."""
        return mean_result(self.results).correct

    @property
    def cost(self) -> float:
        """Mean for a problem."""
        return mean_result(self.results).cost


class RoutingGain(NamedTuple):
    """How one way of spending compares with another on the same problems."""

    accuracy: Difference
    saving: float
    """How many times the compute of the one the other needs."""


def route_trials(policy: Policy, trials: Sequence[Trial], budget: float) -> list[TrialResult]:
    """Return what the policy would have made of these problems."""
    return [trial.results[policy.choose(trial.difficulty, budget).config] for trial in trials]


def cross_fit(trials: Sequence[Trial], fit: Fit, *, seed: int = 0) -> list[RoutedResults]:
    """Return, budget by budget, the problems as a policy routed them that was fitted on the other half.

    Args:
        trials: the problems.
        fit: makes a policy of a half.
        seed: draws the halves, so that an order in the problems is in neither.

    Raises:
        ConfigurationError: there are fewer than two problems.
    """
    if len(trials) < 2:
        raise ConfigurationError(f"Cross-fitting needs at least two problems. Given: {len(trials)}.")
    places = random.Random(seed).sample(range(len(trials)), len(trials))
    halves = [places[::2], places[1::2]]
    policies = [fit([trials[place] for place in sorted(half)]) for half in halves]
    judges = {place: policy for half, policy in zip(halves, reversed(policies), strict=True) for place in half}
    return [
        RoutedResults(
            f"{budget:.3g}",
            tuple(result for place, one in enumerate(trials) for result in route_trials(judges[place], [one], budget)),
        )
        for budget in policies[0].budgets
    ]


def cheapest_at_accuracy(accuracy: float, rows: Sequence[RoutedResults]) -> RoutedResults | None:
    """Return the cheapest row that is at least so accurate, or None."""
    return min((row for row in rows if row.accuracy >= accuracy), key=lambda row: row.cost, default=None)


def routing_gain(one: RoutedResults, other: RoutedResults, *, seed: int = 0) -> RoutingGain:
    """Return how much more accurate `one` is, with its paired bootstrap interval, and how much cheaper."""
    difference = paired_difference(
        [result.correct for result in one.results], [result.correct for result in other.results], seed=seed
    )
    return RoutingGain(difference, other.cost / one.cost if one.cost else 1.0)
