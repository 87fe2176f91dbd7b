"""What a pool of sampled solutions is worth under each way of choosing, problem by problem.

Every rule keeps multiplicities: a text that was sampled five times counts five times. `random_score` is the
honest floor of best-of-N: right solutions are often textually equal and wrong ones diverse, so an argmax over a score
that knows nothing picks among distinct texts and falls with N.
"""

import math
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

__all__ = [
    "BootstrapInterval",
    "SolutionPool",
    "best_of_n",
    "majority_accuracy",
    "oracle",
    "paired",
    "random_score",
    "single",
    "weighted_vote",
]


@dataclass(frozen=True)
class SolutionPool:
    """The sampled solutions of one problem."""

    truth: str
    texts: tuple[str, ...]
    answers: tuple[str | None, ...]
    tokens: tuple[int, ...]

    def first(self, n: int) -> "SolutionPool":
        """Return the pool of the first n samples."""
        return SolutionPool(self.truth, self.texts[:n], self.answers[:n], self.tokens[:n])

    @property
    def right(self) -> list[bool]:
        """Which samples have the right answer."""
        return [answer == self.truth for answer in self.answers]


@dataclass(frozen=True)
class BootstrapInterval:
    """A mean over problems with its 95 % bootstrap interval, in percent or percentage points."""

    mean: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.mean:5.1f} [{self.low:5.1f}, {self.high:5.1f}]"


def single(pool: SolutionPool) -> float:
    """Return the chance that one sample is right."""
    return sum(pool.right) / len(pool.right)


def oracle(pool: SolutionPool) -> float:
    """Return 1 if any sample is right (pass@N)."""
    return float(any(pool.right))


def majority_accuracy(pool: SolutionPool) -> float:
    """Return 1 if the most frequent answer is right; ties go to the answer seen first."""
    votes = Counter(answer for answer in pool.answers if answer is not None)
    return float(bool(votes) and votes.most_common(1)[0][0] == pool.truth)


def random_score(pool: SolutionPool) -> float:
    """Return the expected success of the argmax of a random score per distinct text."""
    distinct = dict(zip(pool.texts, pool.right, strict=True))
    return sum(distinct.values()) / len(distinct)


def best_of_n(pool: SolutionPool, scores: Sequence[float]) -> float:
    """Return 1 if the highest-scored sample is right; ties go to the first."""
    return float(pool.right[max(range(len(scores)), key=lambda index: (scores[index], -index))])


def weighted_vote(pool: SolutionPool, scores: Sequence[float]) -> float:
    """Return 1 if the answer with the largest sum of scores is right; ties go to the answer seen first."""
    totals: dict[str, float] = {}
    for answer, score in zip(pool.answers, scores, strict=False):
        if answer is not None:
            totals[answer] = totals.get(answer, 0.0) + score
    return float(bool(totals) and max(totals, key=lambda answer: totals[answer]) == pool.truth)


def paired(
    first: Sequence[float], second: Sequence[float] | None = None, *, resamples: int = 2000
) -> BootstrapInterval:
    """Return the mean of `first` (minus `second`, problem by problem) x 100, with its 95 % interval."""
    values = [a - b for a, b in zip(first, second or [0.0] * len(first), strict=True)]
    rng = random.Random(0)
    means = sorted(math.fsum(rng.choices(values, k=len(values))) / len(values) for _ in range(resamples))
    mean = math.fsum(values) / len(values)
    return BootstrapInterval(100 * mean, 100 * means[int(0.025 * resamples)], 100 * means[int(0.975 * resamples)])
