"""Allocation plans: pure functions from the state of all problems to the problems that get the next samples.

A plan that divides the remaining budget hands out only part of it and then looks again: samples cost more or less than
expected, unused budget is divided again, and every sample has added evidence by then.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from math import ceil

from its_graph.allocation.adaptive import AdaptiveAllocator
from its_graph.allocation.baselines import HARDEST_FIRST_WEIGHTS, proportional
from its_graph.allocation.curves import beta_curves
from its_graph.allocation.unequal_costs import greedy_with_costs
from its_graph.batch.types import Allocation, AllocationPlan, BatchView, ProblemStats
from its_graph.errors import ConfigurationError, MissingExtraError

try:
    import numpy as np
except ImportError as error:
    raise MissingExtraError("numpy", "allocation") from error

__all__ = [
    "MAX_SAMPLES_PER_PROBLEM",
    "adaptive_plan",
    "beta_greedy_plan",
    "hardest_first_plan",
    "pilots_first",
    "uniform_plan",
]

MAX_SAMPLES_PER_PROBLEM = 64
"""Samples of one problem beyond which there is usually little to gain."""
JEFFREYS_PRIOR = (0.5, 0.5)
"""Beta prior of the probability that a sample is correct."""
_PARTS = 8
"""Plans that answer problems in turn take about an eighth of the open ones at a time."""
_MIN_WAVE = 8
"""Smallest number of problems at a time: smaller waves waste a backend that batches."""


def uniform_plan(*, max_samples: int = MAX_SAMPLES_PER_PROBLEM) -> AllocationPlan:
    """Give every problem the same number of samples: the baseline, and the right plan if nothing distinguishes them.

    Args:
        max_samples: upper limit of the samples of one problem.

    Example:
        >>> from its_graph.batch import BatchView, ProblemStats, uniform_plan
        >>> view = BatchView({0: ProblemStats(1), 1: ProblemStats(1)}, {0: 1.0, 1: 1.0}, remaining=4.0)
        >>> [allocation.samples for allocation in uniform_plan()(view)]
        [3, 3]
    """
    return _proportional_plan(lambda stats: 1.0, max_samples)


def hardest_first_plan(*, max_samples: int = MAX_SAMPLES_PER_PROBLEM) -> AllocationPlan:
    """Give samples in proportion 1, 4, 16, 64 by quarter of difficulty, which is read from the first sample.

    A baseline to beat: it spends on problems that no sample solves. Every problem keeps its first sample.

    Args:
        max_samples: upper limit of the samples of one problem.

    Example:
        >>> from its_graph.batch import BatchView, ProblemStats, hardest_first_plan
        >>> stats = {0: ProblemStats(1, difficulty=0.1), 1: ProblemStats(1, difficulty=0.9)}
        >>> view = BatchView(stats, {0: 1.0, 1: 1.0}, remaining=65.0)
        >>> [allocation.samples for allocation in hardest_first_plan()(view)]
        [2, 64]
    """
    return _proportional_plan(lambda stats: HARDEST_FIRST_WEIGHTS[min(3, int(4 * stats.difficulty))], max_samples)


def beta_greedy_plan(
    *, pilots: int = 2, max_samples: int = MAX_SAMPLES_PER_PROBLEM, prior: tuple[float, float] = JEFFREYS_PRIOR
) -> AllocationPlan:
    """Draw pilots, then put each sample where it most probably solves an unsolved problem, per cost.

    The success probability of a problem has the posterior Beta(prior + evidence of its samples). One more sample is
    worth the probability that no sample so far is correct times the probability that the next one is. A problem that
    gets no further sample in this division is answered at once.

    Args:
        pilots: samples of every problem, which remain candidates, at least 1. Use at least 2 without a verifier,
            because a single vote always agrees with itself.
        max_samples: upper limit of the samples of one problem, at least `pilots`.
        prior: a and b of the Beta prior, above 0.

    Raises:
        ConfigurationError: an argument is out of range.

    Example:
        >>> from its_graph.batch import BatchView, ProblemStats, beta_greedy_plan
        >>> solved = ProblemStats(2, correct=2, incorrect=0, unsolved=0.01)
        >>> unsolved = ProblemStats(2, correct=1, incorrect=1, unsolved=0.5)
        >>> view = BatchView({0: solved, 1: unsolved}, {0: 1.0, 1: 1.0}, remaining=5.0)
        >>> beta_greedy_plan()(view)  # doctest: +NORMALIZE_WHITESPACE
        [Allocation(problem=0, samples=2, stop_reason='allocation'),
         Allocation(problem=1, samples=5, stop_reason=None)]
    """
    if not 1 <= pilots <= max_samples or min(prior) <= 0:
        raise ConfigurationError(
            f"beta_greedy_plan needs 1 <= pilots <= max_samples and a prior above 0; got pilots={pilots}, "
            f"max_samples={max_samples}, prior={prior}."
        )

    def plan(view: BatchView) -> list[Allocation]:
        if allocations := pilots_first(view, pilots):
            return allocations
        counts = _further_samples(
            list(view.open.values()), list(view.costs.values()), view.remaining, max_samples, prior
        )
        return [
            Allocation(problem, stats.samples + ceil(count / 2), None if count else "allocation")
            for (problem, stats), count in zip(view.open.items(), counts, strict=True)
        ]

    return plan


def adaptive_plan(
    *,
    solved: float = 0.9,
    wave: int | None = None,
    max_samples: int = MAX_SAMPLES_PER_PROBLEM,
    prior: tuple[float, float] = JEFFREYS_PRIOR,
) -> AllocationPlan:
    """Draw one sample at a time for the problem that is most probably unsolved so far and solved by the next sample.

    Optimal for a perfect verifier and equal costs. If the verifier scores an incorrect sample highly, the problem ends
    with it. Votes give no such score, so use another plan without a verifier.

    Args:
        solved: score in (0, 1] at which a problem counts as solved.
        wave: problems that get a sample at the same time, at least 1; None takes about an eighth of the open ones.
        max_samples: upper limit of the samples of one problem.
        prior: a and b of the Beta prior of a problem's success probability, above 0.

    Raises:
        ConfigurationError: an argument is out of range.

    Example:
        >>> from its_graph.batch import BatchView, ProblemStats, adaptive_plan
        >>> solved = ProblemStats(1, correct=1, unsolved=0.05, best_score=0.95)
        >>> unsolved = ProblemStats(1, correct=0.5, incorrect=0.5, unsolved=0.5, best_score=0.5)
        >>> view = BatchView({0: solved, 1: unsolved}, {0: 1.0, 1: 1.0}, remaining=10.0)
        >>> adaptive_plan()(view)  # doctest: +NORMALIZE_WHITESPACE
        [Allocation(problem=0, samples=1, stop_reason='solved'),
         Allocation(problem=1, samples=2, stop_reason=None)]
    """
    if not 0 < solved <= 1 or (wave is not None and wave < 1) or min(prior) <= 0:
        raise ConfigurationError(
            f"adaptive_plan needs 0 < solved <= 1, wave >= 1 and a prior above 0; "
            f"got solved={solved}, wave={wave}, prior={prior}."
        )

    def plan(view: BatchView) -> list[Allocation]:
        ended = [
            Allocation(problem, stats.samples, reason)
            for problem, stats in view.open.items()
            if (reason := stop_reason(stats))
        ]
        ended_problems = {allocation.problem for allocation in ended}
        unsolved = {problem: stats for problem, stats in view.open.items() if problem not in ended_problems}
        size = wave or max(_MIN_WAVE, len(unsolved) // _PARTS)
        return [*ended, *islice(_most_promising(unsolved, view, prior), size)]

    def stop_reason(stats: ProblemStats) -> str | None:
        if stats.best_score is not None and stats.best_score >= solved:
            return "solved"
        return "allocation" if stats.samples >= max_samples else None

    return plan


def pilots_first(view: BatchView, pilots: int) -> list[Allocation]:
    """Return the allocations that bring every problem to `pilots` samples; empty once all have them."""
    return [Allocation(problem, pilots) for problem, stats in view.open.items() if stats.samples < pilots]


def _proportional_plan(weight: Callable[[ProblemStats], float], max_samples: int) -> AllocationPlan:
    """Answer problems in turn, each with its share of all samples that the open ones have or can still get."""

    def plan(view: BatchView) -> list[Allocation]:
        rows = list(view.open.items())
        drawn = sum(stats.samples for _, stats in rows)
        affordable = int(view.remaining / (sum(view.costs.values()) / len(rows)))
        counts = proportional([weight(stats) for _, stats in rows], max(drawn + affordable, len(rows)), minimum=1)
        wave = max(_MIN_WAVE, ceil(len(rows) / _PARTS))
        return [
            Allocation(problem, min(max_samples, count), "allocation")
            for (problem, _), count in islice(zip(rows, counts, strict=True), wave)
        ]

    return plan


def _further_samples(
    stats: Sequence[ProblemStats],
    costs: Sequence[float],
    remaining: float,
    max_samples: int,
    prior: tuple[float, float],
) -> list[int]:
    """Return how many more samples each problem gets."""
    table = np.array([(row.samples, row.correct, row.incorrect, row.unsolved) for row in stats])
    samples, correct, incorrect, unsolved = table.T
    curves = beta_curves(prior[0] + correct, prior[1] + incorrect, max_samples) * unsolved[:, None]
    allowed = np.maximum(max_samples - samples, 0).astype(int)
    # Beyond `max_samples` in all, the curve is flat: further samples have no value.
    curves = np.take_along_axis(curves, np.minimum(np.arange(max_samples + 1), allowed[:, None]), axis=1)
    counts: list[int] = greedy_with_costs(curves, costs, remaining).tolist()
    return counts


def _most_promising(
    unsolved: Mapping[int, ProblemStats], view: BatchView, prior: tuple[float, float]
) -> Iterator[Allocation]:
    """Yield one more sample for each problem, the most promising first, as long as the budget can pay all of them."""
    rows = [(problem, stats) for problem, stats in unsolved.items() if stats.unsolved > 0]
    a, b = [prior[0] + stats.correct for _, stats in rows], [prior[1] + stats.incorrect for _, stats in rows]
    # Half the probability of being unsolved counts like twice the cost.
    allocator = AdaptiveAllocator(a, b, [view.costs[problem] / stats.unsolved for problem, stats in rows])
    remaining = view.remaining
    while (index := allocator.next_problem()) is not None:
        problem, stats = rows[index]
        if view.costs[problem] <= remaining:
            remaining -= view.costs[problem]
            yield Allocation(problem, stats.samples + 1)
