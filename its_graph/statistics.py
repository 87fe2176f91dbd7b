"""How sure a measured accuracy is: Wilson intervals, pass@k, and the paired bootstrap of a difference.

Pure functions on plain numbers; whatever is random takes a seed.
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
    """Return the 95% Wilson score interval of a share, in [0, 1] (Wilson 1927).

    Unlike mean +- 1.96 standard errors it stays inside [0, 1] and keeps a width at 0 and at 1.

    Raises:
        ConfigurationError: unless 0 <= successes <= trials and trials >= 1.
    """
    if not 0 <= successes <= trials or trials < 1:
        raise ConfigurationError(
            f"A share needs 0 <= successes <= trials and trials >= 1. Given: {successes} of {trials}."
        )
    share, weight = successes / trials, Z95**2 / trials
    centre = (share + weight / 2) / (1 + weight)
    reach = math.sqrt(share * (1 - share) * weight + weight**2 / 4) / (1 + weight)
    # At 0 and at 1 one end is exact; rounding must not push it out.
    return Interval(0.0 if successes == 0 else centre - reach, 1.0 if successes == trials else centre + reach)


def pass_at_k(n: int, c: int, k: int) -> float:
    """Return the unbiased chance that one of `k` samples is right, given that `c` of `n` drawn ones are.

    1 - prod_{i=n-c+1..n} (1 - k/i), the product form of 1 - C(n-c, k) / C(n, k) (Chen et al. 2107.03374, section 2.1).

    Raises:
        ConfigurationError: unless 0 <= c <= n and 1 <= k <= n.
    """
    if not 0 <= c <= n or not 1 <= k <= n:
        raise ConfigurationError(f"pass@k needs 0 <= c <= n and 1 <= k <= n. Given: n={n}, c={c}, k={k}.")
    if n - c < k:
        return 1.0
    return 1.0 - math.prod(1 - k / i for i in range(n - c + 1, n + 1))


def paired_difference(
    one: Sequence[float], other: Sequence[float], *, seed: int = 0, resamples: int = 2000
) -> Difference:
    """Return the mean of `one` - `other`, problem by problem, with its bootstrap interval (percentiles 2.5 and 97.5).

    Problems differ more than strategies do: resampling problems, with both results of each, takes that out.

    Args:
        one: one number per problem, such as 1.0 for right and 0.0 for wrong.
        other: the same problems in the same order.
        seed: the same seed gives the same interval.
        resamples: bootstrap samples of the problems.

    Raises:
        ConfigurationError: if there is no problem, or the two do not have the same number of them.
    """
    if len(one) != len(other) or not one:
        raise ConfigurationError(
            f"A paired difference needs the results of the same problems. Given: {len(one)} and {len(other)} results."
        )
    gains = [a - b for a, b in zip(one, other, strict=True)]
    chance = random.Random(seed)
    means = sorted(math.fsum(chance.choices(gains, k=len(gains))) / len(gains) for _ in range(resamples))
    tail = round(0.025 * (resamples - 1))
    return Difference(math.fsum(gains) / len(gains), Interval(means[tail], means[-1 - tail]))
