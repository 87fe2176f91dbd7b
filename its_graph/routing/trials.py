"""Trials: the estimated difficulty of a problem and the results of every strategy config on it; means over trials."""

import math
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from its_graph.catalog.strategy_config import StrategyConfig
from its_graph.errors import ConfigurationError
from its_graph.routing.policy import PolicyPoint

__all__ = ["Trial", "TrialResult", "common_configs", "mean_result", "measure_point", "split_by_bin"]


class TrialResult(NamedTuple):
    """The result of one config on one problem."""

    correct: float
    """1 or 0; a share if it was tried several times."""
    cost: float
    """Pilots included, each sample counted once, in the unit of the policy."""


class Trial(NamedTuple):
    """One problem of the fit."""

    difficulty: float
    """By the estimator that the policy uses, from this problem's own pilots."""
    results: Mapping[StrategyConfig, TrialResult]


def mean_result(results: Iterable[TrialResult]) -> TrialResult:
    """Return accuracy and mean cost.

    Raises:
        ConfigurationError: there are no results.
    """
    rows = list(results)
    if not rows:
        raise ConfigurationError("A mean needs at least one result; got none.")
    return TrialResult(*(math.fsum(column) / len(rows) for column in zip(*rows, strict=True)))


def measure_point(config: StrategyConfig, trials: Sequence[Trial]) -> PolicyPoint:
    """Return the accuracy and mean cost of a config on these problems."""
    mean = mean_result(trial.results[config] for trial in trials)
    return PolicyPoint(config=config, accuracy=mean.correct, cost=mean.cost, problems=len(trials))


def common_configs(trials: Sequence[Trial]) -> tuple[StrategyConfig, ...]:
    """Return the configs that every problem was measured with.

    Raises:
        ConfigurationError: there are no problems, or they were not all measured with the same configs.
    """
    if not trials or not trials[0].results:
        raise ConfigurationError("A fit needs problems, each measured with at least one config; got none.")
    configs = tuple(trials[0].results)
    for index, trial in enumerate(trials):
        if set(trial.results) != set(configs):
            raise ConfigurationError(
                f"Every problem must be measured with the same configs. Number {index} has "
                f"{sorted(config.label for config in trial.results)}, number 0 has "
                f"{sorted(config.label for config in configs)}."
            )
    return configs


def split_by_bin(trials: Sequence[Trial], thresholds: Sequence[float]) -> list[list[Trial]]:
    """Return the problems of each bin, the easiest bin first; none is empty if the thresholds are quantiles.

    Raises:
        ConfigurationError: there are no problems, or they were not all measured with the same configs.
    """
    common_configs(trials)
    groups: list[list[Trial]] = [[] for _ in range(len(thresholds) + 1)]
    for trial in trials:
        groups[bisect_right(thresholds, trial.difficulty)].append(trial)
    return groups
