"""Sample pools: all independent samples of a problem, the source of smaller draws, baselines and difficulty.

The samples of a pool are numbered in the order of their requests, so its first k are exactly the samples of a search of
k.
"""

import math
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, TypeVar

from its_graph.errors import ConfigurationError
from its_graph.evaluation.outcome import Outcome, SampleRecord
from its_graph.routing.policy import quantile_thresholds
from its_graph.statistics import pass_at_k

__all__ = [
    "MIN_POOL_SAMPLES",
    "DifficultyBins",
    "SamplePool",
    "build_pools",
    "oracle_bins",
    "pass_curve",
    "widest_pools",
]

MIN_POOL_SAMPLES = 4
"""With fewer samples, the pass@1 of a problem does not measure its difficulty."""

_Key = TypeVar("_Key")


class SamplePool(NamedTuple):
    """The independent samples of one problem, each drawn from the question alone.

    Args:
        problem_index: from 0.
        samples: in the order of their ids.

    Example:
        >>> from its_graph.evaluation import SamplePool, SampleRecord
        >>> def sample(number, correct):
        ...     return SampleRecord(
        ...         id=str(number), answer="3", score=None, correct=correct, finished=True, truncated=False, tokens=9,
        ...         from_question=True,
        ...     )
        >>> pool = SamplePool(0, (sample(0, True), sample(1, False), sample(2, False), sample(3, False)))
        >>> pool.pass_at(2), pool.difficulty, pool.first(1).correct
        (0.5, 0.75, 1)
    """

    problem_index: int
    samples: tuple[SampleRecord, ...]

    @property
    def correct(self) -> int:
        """Number of correct samples."""
        return sum(sample.correct for sample in self.samples)

    def first(self, k: int) -> "SamplePool":
        """Return the samples that a search of k would have drawn; a failed sample is missing from both."""
        return SamplePool(self.problem_index, tuple(sample for sample in self.samples if int(sample.id) < k))

    def pass_at(self, k: int) -> float:
        """Return the unbiased probability that one of k samples is correct; k is capped at the number of samples."""
        count = len(self.samples)
        return pass_at_k(count, self.correct, min(k, count)) if count else 0.0

    @property
    def difficulty(self) -> float:
        """1 - pass@1: the share of incorrect samples."""
        return 1.0 - self.pass_at(1)


class DifficultyBins(NamedTuple):
    """Problems grouped by difficulty.

    Args:
        thresholds: ascending difficulties; there is one more bin than thresholds.
        members: indices of the problems of each bin, the easiest bin first.

    Example:
        >>> from its_graph.evaluation import DifficultyBins
        >>> DifficultyBins(thresholds=(0.5,), members=(frozenset({0, 2}), frozenset({1}))).members[1]
        frozenset({1})
    """

    thresholds: tuple[float, ...]
    members: tuple[frozenset[int], ...]


def build_pools(outcomes: Iterable[Outcome]) -> list[SamplePool]:
    """Return the pool of each outcome whose samples are recorded and independent; other outcomes have none.

    Args:
        outcomes: of one strategy config.

    Example:
        >>> import asyncio
        >>> from its_graph import create
        >>> from its_graph.evaluation import build_pools, evaluate
        >>> from its_graph.testing import ToyGenerator
        >>> graph = create("self_consistency", ToyGenerator(0.3), n=8).compile()
        >>> outcomes = asyncio.run(evaluate(graph, [("Add 1, 2.", "3"), ("Add 3, 5, 4.", "12")], seed=1))
        >>> [(pool.problem_index, len(pool.samples)) for pool in build_pools(outcomes)]
        [(0, 8), (1, 8)]
    """
    return [
        SamplePool(outcome.index, outcome.samples)
        for outcome in outcomes
        if outcome.samples and all(sample.from_question for sample in outcome.samples)
    ]


def widest_pools(measured: Mapping[_Key, Sequence[Outcome]]) -> tuple[_Key, list[SamplePool]] | None:
    """Return the key whose outcomes have the most samples of every problem, with its pools; None if none has enough.

    The smallest pool decides: a rule that stops early draws fewer samples of easier problems, which biases its pools.
    Ties go to the key that lost the fewest problems, then to the first with scores, which are more useful.

    A problem that failures left with fewer than `MIN_POOL_SAMPLES` samples is lost and has no pool, so match pools and
    problems by index. A key that lost half of its problems does not qualify.

    Args:
        measured: outcomes by strategy config, grid cell or any other key.

    Example:
        >>> import asyncio
        >>> from its_graph import create
        >>> from its_graph.evaluation import evaluate, widest_pools
        >>> from its_graph.testing import ToyGenerator
        >>> def outcomes(n):
        ...     graph = create("self_consistency", ToyGenerator(0.3), n=n).compile()
        ...     return asyncio.run(evaluate(graph, [("Add 1, 2.", "3")], seed=1))
        >>> key, pools = widest_pools({"narrow": outcomes(4), "wide": outcomes(8)})
        >>> key, len(pools[0].samples)
        ('wide', 8)
    """
    complete = {key: pools for key, outcomes in measured.items() if (pools := _complete_pools(outcomes))}

    def width(key: _Key) -> tuple[int, int, bool]:
        return _smallest(complete[key]), len(complete[key]), _has_scores(complete[key])

    widest = max(complete, key=width, default=None)
    if widest is None or _smallest(complete[widest]) < MIN_POOL_SAMPLES:
        return None
    return widest, complete[widest]


def _complete_pools(outcomes: Sequence[Outcome]) -> list[SamplePool]:
    """Return the pools of all problems that are not lost; empty if one is missing or at least half are lost."""
    usable = [outcome for outcome in outcomes if not _is_lost(outcome)]
    pools = build_pools(usable)
    return pools if len(pools) == len(usable) > len(outcomes) - len(usable) else []


def _is_lost(outcome: Outcome) -> bool:
    """Return whether failures caused the lack of samples; a rule that stops early also leaves few."""
    samples = len(outcome.samples)
    return not outcome.candidates or samples < MIN_POOL_SAMPLES <= samples + outcome.failures


def _smallest(pools: Sequence[SamplePool]) -> int:
    return min(len(pool.samples) for pool in pools)


def _has_scores(pools: Sequence[SamplePool]) -> bool:
    return any(sample.score is not None for pool in pools for sample in pool.samples)


def pass_curve(pools: Sequence[SamplePool]) -> dict[int, float]:
    """Return the mean unbiased pass@k for k = 1, 2, 4, ... up to the size of the smallest pool.

    Args:
        pools: of all problems, at least one.

    Raises:
        ConfigurationError: there is no pool.

    Example:
        >>> import asyncio
        >>> from its_graph import create
        >>> from its_graph.evaluation import build_pools, evaluate, pass_curve
        >>> from its_graph.testing import ToyGenerator
        >>> graph = create("self_consistency", ToyGenerator(0.0), n=6).compile()
        >>> pass_curve(build_pools(asyncio.run(evaluate(graph, [("Add 1, 2.", "3")]))))
        {1: 1.0, 2: 1.0, 4: 1.0, 6: 1.0}
    """
    if not pools:
        raise ConfigurationError("pass@k needs a pool of samples. Measure a sampling strategy such as best_of_n.")
    smallest = _smallest(pools)
    sizes = [2**power for power in range(smallest.bit_length()) if 2**power < smallest] + [smallest]
    return {k: math.fsum(pool.pass_at(k) for pool in pools) / len(pools) for k in sizes}


def oracle_bins(pools: Sequence[SamplePool], count: int = 5) -> DifficultyBins:
    """Group problems into bins of about equal size by pass@1 (Snell et al. 2408.03314, section 3.2).

    Args:
        pools: of all problems, at least one.
        count: number of bins, at least 1. Equal difficulties share a bin, so there may be fewer.

    Raises:
        ConfigurationError: there is no pool or no bin.

    Example:
        >>> import asyncio
        >>> from its_graph import create
        >>> from its_graph.evaluation import build_pools, evaluate, oracle_bins
        >>> from its_graph.testing import ToyGenerator
        >>> problems = [("Add 1, 2.", "3"), ("Add 3, 5, 4, 1, 2, 8, 8, 1, 9.", "41")]
        >>> graph = create("self_consistency", ToyGenerator(0.3), n=8).compile()
        >>> bins = oracle_bins(build_pools(asyncio.run(evaluate(graph, problems))), count=2)
        >>> [sorted(members) for members in bins.members]
        [[0], [1]]
    """
    thresholds = quantile_thresholds([pool.difficulty for pool in pools], count)
    members: list[set[int]] = [set() for _ in range(len(thresholds) + 1)]
    for pool in pools:
        members[bisect_right(thresholds, pool.difficulty)].add(pool.problem_index)
    return DifficultyBins(thresholds, tuple(map(frozenset, members)))
