"""Where the next sample goes while verdicts come in: a solved problem is done, the most hopeful other one is next."""

import heapq
from collections.abc import Sequence

from its_graph.errors import ConfigurationError

__all__ = ["Adaptive"]


class Adaptive:
    """Hands out samples one by one, to the unsolved problem with the largest posterior mean a / (a + b + failures).

    At unit costs that is optimal for a verifier that knows success when it sees it. With different costs it is the mean
    per cost that counts, which is a heuristic.

    Args:
        a: Beta prior of each problem's chance, successes.
        b: the same, failures.
        costs: of one sample of each problem; 1 unless given.
    """

    def __init__(self, a: Sequence[float], b: Sequence[float], costs: Sequence[float] | None = None) -> None:
        self._a, self._b = list(a), list(b)
        self._costs = [1.0] * len(self._a) if costs is None else list(costs)
        if not len(self._a) == len(self._b) == len(self._costs) or min(self._costs, default=1.0) <= 0:
            raise ConfigurationError("Give a prior and a cost above 0 for every problem.")
        self._heap = [(-self._hope(place), place) for place in range(len(self._a)) if self._a[place] > 0]
        heapq.heapify(self._heap)

    def next(self, budget: float = float("inf")) -> int | None:
        """Take out the problem to sample next, one that `budget` can pay; None where none is left.

        Tell what came of it with `failed`; a problem that is not told of counts as solved.
        """
        passed = []
        while self._heap:
            entry = heapq.heappop(self._heap)
            if self._costs[entry[1]] <= budget:
                break
            passed.append(entry)
        else:
            entry = None
        for other in passed:
            heapq.heappush(self._heap, other)
        return None if entry is None else entry[1]

    def failed(self, place: int) -> None:
        """Put a problem back whose sample was wrong."""
        self._b[place] += 1
        heapq.heappush(self._heap, (-self._hope(place), place))

    def _hope(self, place: int) -> float:
        return self._a[place] / (self._a[place] + self._b[place]) / self._costs[place]
