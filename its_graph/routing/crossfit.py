"""Two-fold cross-fitting: the accuracy of a policy on problems it was not fitted on, and the compute that it saves.

Choosing the best measured config is biased in favor of the problems it is chosen on. So configs are chosen on one half
of the problems and measured on the other, in both directions (Snell et al. 2408.03314, section 3.2).
"""

import random
from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeAlias

from its_graph.errors import ConfigurationError
from its_graph.routing.policy import Policy
from its_graph.routing.trials import Trial, TrialResult, mean_result
from its_graph.statistics import Difference, paired_difference

__all__ = ["Fit", "RoutedResults", "RoutingGain", "cheapest_at_accuracy", "cross_fit", "route_trials", "routing_gain"]

Fit: TypeAlias = Callable[[Sequence[Trial]], Policy]
"""Fits a policy to problems; its budgets do not depend on the problems."""


class RoutedResults(NamedTuple):
    """The results of all problems under one budget, or with one fixed config."""

    name: str
    results: tuple[TrialResult, ...]
    """In the order of the problems."""

    @property
    def accuracy(self) -> float:
        """Share of problems with a correct answer."""
        return mean_result(self.results).correct

    @property
    def cost(self) -> float:
        """Mean per problem."""
        return mean_result(self.results).cost


class RoutingGain(NamedTuple):
    """Comparison of results with a baseline on the same problems."""

    accuracy: Difference
    cost_ratio: float
    """Cost of the baseline over cost of the results."""


def route_trials(policy: Policy, trials: Sequence[Trial], budget: float) -> list[TrialResult]:
    """Return the results that the policy would have had on these problems."""
    return [trial.results[policy.choose(trial.difficulty, budget).config] for trial in trials]


def cross_fit(trials: Sequence[Trial], fit: Fit, *, seed: int = 0) -> list[RoutedResults]:
    """Return for each budget the results of all problems, each routed by a policy that was fitted on the other half.

    Args:
        trials: the problems.
        fit: fits a policy to one half.
        seed: of the random split, which removes any order of the problems.

    Raises:
        ConfigurationError: there are fewer than two problems.
    """
    if len(trials) < 2:
        raise ConfigurationError(f"Cross-fitting needs at least two problems; got {len(trials)}.")
    shuffled = random.Random(seed).sample(range(len(trials)), len(trials))
    halves = [shuffled[::2], shuffled[1::2]]
    policies = [fit([trials[index] for index in sorted(half)]) for half in halves]
    policy_for = {index: policy for half, policy in zip(halves, reversed(policies), strict=True) for index in half}
    return [
        RoutedResults(
            f"{budget:.3g}",
            tuple(
                result
                for index, trial in enumerate(trials)
                for result in route_trials(policy_for[index], [trial], budget)
            ),
        )
        for budget in policies[0].budgets
    ]


def cheapest_at_accuracy(accuracy: float, rows: Sequence[RoutedResults]) -> RoutedResults | None:
    """Return the cheapest row with at least this accuracy, or None."""
    return min((row for row in rows if row.accuracy >= accuracy), key=lambda row: row.cost, default=None)


def routing_gain(routed: RoutedResults, baseline: RoutedResults, *, seed: int = 0) -> RoutingGain:
    """Return how much more accurate `routed` is, with its paired bootstrap interval, and how much cheaper."""
    difference = paired_difference(
        [result.correct for result in routed.results], [result.correct for result in baseline.results], seed=seed
    )
    return RoutingGain(difference, baseline.cost / routed.cost if routed.cost else 1.0)
