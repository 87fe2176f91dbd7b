"""How certain a measured accuracy is: Wilson intervals, pass@k, and the paired bootstrap of a difference.

Pure functions of plain numbers; anything random takes a seed.
"""

import math
import random
from collections.abc import Sequence
from typing import NamedTuple

from its_graph.errors import ConfigurationError

__all__ = ["Difference", "Interval", "paired_difference", "pass_at_k", "wilson"]

Z95 = 1.959963984540054
"""Two-sided 95% quantile of the normal distribution."""


class Interval(NamedTuple):
    """A 95% interval."""

    low: float
    high: float


class Difference(NamedTuple):
    """How much better one strategy is than another on the same problems."""

    mean: float
    ci95: Interval


def wilson(successes: int, trials: int) -> Interval:
    """Return the 95% Wilson score interval of a proportion, in [0, 1] (Wilson 1927).

    Unlike mean +- 1.96 standard errors it stays inside [0, 1] and has a width at 0 and at 1.

    Raises:
        ConfigurationError: unless 0 <= successes <= trials and trials >= 1.
    """
    if not 0 <= successes <= trials or trials < 1:
        raise ConfigurationError(
            f"A proportion must have 0 <= successes <= trials and trials >= 1; got {successes} of {trials}."
        )
    share, weight = successes / trials, Z95**2 / trials
    center = (share + weight / 2) / (1 + weight)
    half_width = math.sqrt(share * (1 - share) * weight + weight**2 / 4) / (1 + weight)
    # At 0 and at 1 one end is exact; rounding must not push it out of [0, 1].
    low = 0.0 if successes == 0 else center - half_width
    return Interval(low, 1.0 if successes == trials else center + half_width)


def pass_at_k(n: int, c: int, k: int) -> float:
    """Return the unbiased probability that one of `k` samples is right, given that `c` of `n` samples are.

    1 - prod_{i=n-c+1..n} (1 - k/i), the product form of 1 - C(n-c, k) / C(n, k) (Chen et al., arXiv 2107.03374,
    section 2.1).

    Raises:
        ConfigurationError: unless 0 <= c <= n and 1 <= k <= n.
    """
    if not 0 <= c <= n or not 1 <= k <= n:
        raise ConfigurationError(f"pass@k must have 0 <= c <= n and 1 <= k <= n; got n={n}, c={c}, k={k}.")
    if n - c < k:
        return 1.0
    return 1.0 - math.prod(1 - k / i for i in range(n - c + 1, n + 1))


def paired_difference(
    first: Sequence[float], second: Sequence[float], *, seed: int = 0, resamples: int = 2000
) -> Difference:
    """Return the mean of `first` - `second`, problem by problem, with its bootstrap interval (percentiles 2.5, 97.5).

    Problems differ more than strategies do; resampling problems, with both results of each, removes that variance.

    Args:
        first: one number per problem, such as 1.0 for right and 0.0 for wrong.
        second: the same problems in the same order.
        seed: the same seed gives the same interval.
        resamples: bootstrap samples of the problems.

    Raises:
        ConfigurationError: if there is no problem, or the lengths differ.
    """
    if len(first) != len(second) or not first:
        raise ConfigurationError(
            "A paired difference must compare results on the same problems, at least one; "
            f"got {len(first)} and {len(second)} results."
        )
    gains = [a - b for a, b in zip(first, second, strict=True)]
    rng = random.Random(seed)
    means = sorted(math.fsum(rng.choices(gains, k=len(gains))) / len(gains) for _ in range(resamples))
    tail = round(0.025 * (resamples - 1))
    return Difference(math.fsum(gains) / len(gains), Interval(means[tail], means[-1 - tail]))
