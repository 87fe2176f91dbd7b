"""Sequential allocation: while verdicts arrive, the next sample goes to the most promising unsolved problem."""

import heapq
from collections.abc import Sequence

from its_graph.errors import ConfigurationError

__all__ = ["AdaptiveAllocator"]


class AdaptiveAllocator:
    """Assigns samples one by one to the unsolved problem with the largest posterior mean a / (a + b + failures).

    With unit costs and a perfect verifier this is optimal. With unequal costs it uses the mean per cost, which is a
    heuristic.

    Args:
        a: Beta prior of each problem's success probability, pseudo-count of successes, at least 0. A problem with a = 0
            is never sampled.
        b: pseudo-count of failures of each problem.
        costs: cost of one sample of each problem, above 0; None means 1 for every problem.

    Raises:
        ConfigurationError: the lengths differ, or a cost is not above 0.

    Example:
        >>> from its_graph.allocation import AdaptiveAllocator
        >>> allocator = AdaptiveAllocator(a=[1.0, 1.0], b=[1.0, 3.0])
        >>> allocator.next_problem()
        0
        >>> allocator.record_failure(0)
        >>> allocator.next_problem(), allocator.next_problem(), allocator.next_problem()
        (0, 1, None)
    """

    def __init__(self, a: Sequence[float], b: Sequence[float], costs: Sequence[float] | None = None) -> None:
        self._a, self._b = list(a), list(b)
        self._costs = [1.0] * len(self._a) if costs is None else list(costs)
        if not len(self._a) == len(self._b) == len(self._costs) or min(self._costs, default=1.0) <= 0:
            raise ConfigurationError(
                f"Every problem needs a prior and a cost above 0; got {len(self._a)} values of a, {len(self._b)} of b, "
                f"and costs {self._costs[:5]}."
            )
        self._heap = [(-self._priority(index), index) for index in range(len(self._a)) if self._a[index] > 0]
        heapq.heapify(self._heap)

    def next_problem(self, budget: float = float("inf")) -> int | None:
        """Remove and return the index of the problem to sample next, or None if `budget` cannot pay for any.

        The problem counts as solved unless `record_failure` puts it back.
        """
        too_expensive = []
        chosen = None
        while self._heap and chosen is None:
            entry = heapq.heappop(self._heap)
            if self._costs[entry[1]] <= budget:
                chosen = entry[1]
            else:
                too_expensive.append(entry)
        for entry in too_expensive:
            heapq.heappush(self._heap, entry)
        return chosen

    def record_failure(self, index: int) -> None:
        """Put a problem back after a sample that was wrong."""
        self._b[index] += 1
        heapq.heappush(self._heap, (-self._priority(index), index))

    def _priority(self, index: int) -> float:
        return self._a[index] / (self._a[index] + self._b[index]) / self._costs[index]
