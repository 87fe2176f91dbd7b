"""Trials: what each setting made of one problem, beside how hard the problem had seemed; and means over them."""

import math
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from its_graph.catalog.strategy_config import StrategyConfig
from its_graph.errors import ConfigurationError
from its_graph.routing.policy import PolicyPoint

__all__ = ["Trial", "TrialResult", "split_by_bin", "mean_result", "measure_point", "common_configs"]


class TrialResult(NamedTuple):
    """What one setting made of one problem."""

    right: float
    """1 or 0; a share where it was tried several times."""
    cost: float
    """Pilots included, each sample counted once, in the unit of the policy."""


class Trial(NamedTuple):
    """One problem of the fit."""

    difficulty: float
    """By the estimator that is to be used later on, from this problem's own pilots."""
    results: Mapping[StrategyConfig, TrialResult]


def mean_result(results: Iterable[TrialResult]) -> TrialResult:
    """Return accuracy and mean cost.

    Raises:
        ConfigurationError: there are no results.
    """
    rows = list(results)
    if not rows:
        raise ConfigurationError("There are no results to take a mean of: give at least one problem.")
    return TrialResult(*(math.fsum(column) / len(rows) for column in zip(*rows, strict=True)))


def measure_point(setting: StrategyConfig, trials: Sequence[Trial]) -> PolicyPoint:
    """Return a setting as these problems measured it."""
    mean = mean_result(trial.results[setting] for trial in trials)
    return PolicyPoint(config=setting, accuracy=mean.correct, cost=mean.cost, problems=len(trials))


def common_configs(trials: Sequence[Trial]) -> tuple[StrategyConfig, ...]:
    """Return the settings that every problem was tried with.

    Raises:
        ConfigurationError: there are no problems, or they were not all tried with the same settings.
    """
    if not trials or not trials[0].results:
        raise ConfigurationError("A fit needs problems, each tried with at least one setting. Given: none.")
    settings = tuple(trials[0].results)
    for place, trial in enumerate(trials):
        if set(trial.results) != set(settings):
            raise ConfigurationError(
                f"Every problem must be tried with the same settings. Number {place} has "
                f"{sorted(one.label for one in trial.results)}, number 0 {sorted(one.label for one in settings)}."
            )
    return settings


def split_by_bin(trials: Sequence[Trial], thresholds: Sequence[float]) -> list[list[Trial]]:
    """Return the problems of each bin, the easiest bin first; every bin has some where these are their quantiles.

    Raises:
        ConfigurationError: there are no problems, or they were not all tried with the same settings.
    """
    common_configs(trials)
    groups: list[list[Trial]] = [[] for _ in range(len(thresholds) + 1)]
    for trial in trials:
        groups[bisect_right(thresholds, trial.difficulty)].append(trial)
    return groups
