"""Pools: all independent samples of a problem, from which smaller draws, baselines and difficulty are read.

The samples of a pool are numbered as they were drawn, so its first k are the samples of a search of k, exactly.
"""

import math
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, TypeVar

from its_graph.errors import ConfigurationError
from its_graph.evaluation.outcome import Outcome, SampleRecord
from its_graph.routing.policy import quantile_thresholds
from its_graph.statistics import pass_at_k

__all__ = ["MIN_POOL_SAMPLES", "DifficultyBins", "SamplePool", "oracle_bins", "pass_curve", "sample_pools", "widest_pools"]

MIN_POOL_SAMPLES = 4
"""Samples below which pass@1 of a problem is no measure of its difficulty."""

_Key = TypeVar("_Key")


class SamplePool(NamedTuple):
    """The samples of one problem, each drawn from the question alone."""

    number: int
    """Of the problem, from 0."""
    samples: tuple[SampleRecord, ...]
    """In the order of their ids."""

    @property
    def right(self) -> int:
        """How many samples are right."""
        return sum(one.correct for one in self.samples)

    def first(self, k: int) -> "SamplePool":
        """Return what a search of k samples would have drawn; a sample that failed is missing from both."""
        return SamplePool(self.index, tuple(one for one in self.samples if int(one.id) < k))

    def pass_at(self, k: int) -> float:
        """Return the unbiased chance that one of k samples is right; all that there are, where they are fewer."""
        count = len(self.samples)
        return pass_at_k(count, self.correct, min(k, count)) if count else 0.0

    @property
    def difficulty(self) -> float:
        """1 - pass@1: the share of wrong samples."""
        return 1.0 - self.pass_at(1)


class DifficultyBins(NamedTuple):
    """Problems sorted by difficulty."""

    thresholds: tuple[float, ...]
    """Ascending; there is one bin more than these."""
    members: tuple[frozenset[int], ...]
    """The problems' numbers, by bin; the easiest first."""


def sample_pools(outcomes: Iterable[Outcome]) -> list[SamplePool]:
    """Return the pool of each outcome whose samples are known and independent; the others have none."""
    drawn = ((one.index, one.samples) for one in outcomes)
    return [SamplePool(index, samples) for index, samples in drawn if samples and all(one.from_question for one in samples)]


def widest_pools(measured: Mapping[_Key, Sequence[Outcome]]) -> tuple[_Key, list[SamplePool]] | None:
    """Return the setting that drew most samples of every problem, with its pools; None where none drew enough.

    Most by its smallest pool: a rule that stops early draws the fewer the easier a problem is, and these are biased.
    Among equals the one that lost fewest problems, then the first with scores, which serve for more.

    A problem that was lost, as failures left it fewer than `MIN_POOL_SAMPLES` samples, has no pool: tell pools and problems apart
    by their numbers. Where half of the problems are lost, the others say nothing of them.
    """
    whole = {key: drawn for key, outcomes in measured.items() if (drawn := _whole(outcomes))}
    best = max(whole, key=lambda key: (_size(whole[key]), len(whole[key]), _scored(whole[key])), default=None)
    return None if best is None or _size(whole[best]) < MIN_POOL_SAMPLES else (best, whole[best])


def _whole(outcomes: Sequence[Outcome]) -> list[SamplePool]:
    """Return the pools of all problems that were not lost; none where one is missing, or most problems are lost."""
    kept = [one for one in outcomes if not _is_lost(one)]
    drawn = sample_pools(kept)
    return drawn if len(drawn) == len(kept) > len(outcomes) - len(kept) else []


def _is_lost(outcome: Outcome) -> bool:
    """Tell whether failures are why too few samples are there; a rule that stops early leaves few as well."""
    came = len(outcome.samples)
    return not outcome.candidates or came < MIN_POOL_SAMPLES <= came + outcome.failures


def _size(drawn: Sequence[SamplePool]) -> int:
    return min(len(pool.samples) for pool in drawn)


def _scored(drawn: Sequence[SamplePool]) -> bool:
    return any(one.score is not None for pool in drawn for one in pool.samples)


def pass_curve(drawn: Sequence[SamplePool]) -> dict[int, float]:
    """Return the mean unbiased pass@k for k = 1, 2, 4, ... up to the smallest pool.

    Raises:
        ConfigurationError: if there is no pool.
    """
    if not drawn:
        raise ConfigurationError("There is no pool of samples: measure a sampling strategy such as best_of_n.")
    most = _size(drawn)
    sizes = [2**power for power in range(most.bit_length()) if 2**power < most] + [most]
    return {k: math.fsum(pool.pass_at(k) for pool in drawn) / len(drawn) for k in sizes}


def oracle_bins(drawn: Sequence[SamplePool], count: int = 5) -> DifficultyBins:
    """Sort problems into bins of about equal size by pass@1 (Snell et al. 2408.03314); equal ones stay together."""
    thresholds = quantile_thresholds([pool.difficulty for pool in drawn], count)
    members: list[set[int]] = [set() for _ in range(len(thresholds) + 1)]
    for pool in drawn:
        members[bisect_right(thresholds, pool.difficulty)].add(pool.index)
    return DifficultyBins(thresholds, tuple(map(frozenset, members)))
