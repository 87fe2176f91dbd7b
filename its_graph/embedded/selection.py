"""Accuracy of selection rules on a pool of sampled solutions, problem by problem.

Every rule keeps multiplicities: a text that was sampled five times counts five times. `random_score_accuracy` is the
true floor of best-of-N: right solutions are often identical and wrong ones diverse, so the argmax of an uninformative
score picks among distinct texts, and its accuracy decreases with N.
"""

import math
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

__all__ = [
    "BootstrapInterval",
    "SolutionPool",
    "best_of_n_accuracy",
    "majority_accuracy",
    "paired_bootstrap",
    "pass_at_n",
    "random_score_accuracy",
    "single_sample_accuracy",
    "weighted_vote_accuracy",
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
        """Whether each sample has the right answer."""
        return [answer == self.truth for answer in self.answers]


@dataclass(frozen=True)
class BootstrapInterval:
    """A mean over problems with its 95% bootstrap interval, in percent or percentage points."""

    mean: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.mean:5.1f} [{self.low:5.1f}, {self.high:5.1f}]"


def single_sample_accuracy(pool: SolutionPool) -> float:
    """Return the probability that one sample is right."""
    return sum(pool.right) / len(pool.right)


def pass_at_n(pool: SolutionPool) -> float:
    """Return 1 if any sample is right (pass@N)."""
    return float(any(pool.right))


def majority_accuracy(pool: SolutionPool) -> float:
    """Return 1 if the most frequent answer is right; the earliest answer wins ties."""
    votes = Counter(answer for answer in pool.answers if answer is not None)
    return float(bool(votes) and votes.most_common(1)[0][0] == pool.truth)


def random_score_accuracy(pool: SolutionPool) -> float:
    """Return the expected accuracy of the argmax of a random score per distinct text."""
    distinct = dict(zip(pool.texts, pool.right, strict=True))
    return sum(distinct.values()) / len(distinct)


def best_of_n_accuracy(pool: SolutionPool, scores: Sequence[float]) -> float:
    """Return 1 if the highest-scored sample is right; the first sample wins ties."""
    return float(pool.right[max(range(len(scores)), key=lambda index: (scores[index], -index))])


def weighted_vote_accuracy(pool: SolutionPool, scores: Sequence[float]) -> float:
    """Return 1 if the answer with the largest sum of scores is right; the earliest answer wins ties."""
    totals: dict[str, float] = {}
    for answer, score in zip(pool.answers, scores, strict=False):
        if answer is not None:
            totals[answer] = totals.get(answer, 0.0) + score
    return float(bool(totals) and max(totals, key=lambda answer: totals[answer]) == pool.truth)


def paired_bootstrap(
    first: Sequence[float], second: Sequence[float] | None = None, *, resamples: int = 2000
) -> BootstrapInterval:
    """Return 100 times the mean of `first` (minus `second`, problem by problem), with its 95% interval."""
    values = [a - b for a, b in zip(first, second or [0.0] * len(first), strict=True)]
    rng = random.Random(0)
    means = sorted(math.fsum(rng.choices(values, k=len(values))) / len(values) for _ in range(resamples))
    mean = math.fsum(values) / len(values)
    return BootstrapInterval(100 * mean, 100 * means[int(0.025 * resamples)], 100 * means[int(0.975 * resamples)])
