"""Baseline allocations: uniform, and proportional to weights such as more samples for harder problems."""

from collections.abc import Sequence

from its_graph.errors import ConfigurationError

__all__ = ["HARDEST_FIRST_WEIGHTS", "proportional", "uniform"]

HARDEST_FIRST_WEIGHTS = (1, 4, 16, 64)
"""Weights of easy, medium, hard and very hard problems. Worse than uniform; a baseline that shows why."""


def uniform(problems: int, budget: int) -> list[int]:
    """Divide samples equally; the first problems get the remainder.

    Args:
        problems: number of problems.
        budget: total number of samples, at least 0.

    Returns:
        The samples of each problem; they sum to `budget`.

    Example:
        >>> from its_graph.allocation import uniform
        >>> uniform(3, budget=10)
        [4, 3, 3]
    """
    return proportional([1.0] * problems, budget)


def proportional(weights: Sequence[float], budget: int, *, minimum: int = 0) -> list[int]:
    """Divide samples in proportion to weights, in whole samples without loss (largest remainder method).

    Args:
        weights: weight of each problem, at least 0, with a positive sum.
        budget: total number of samples.
        minimum: samples that every problem gets first, at least 0.

    Returns:
        The samples of each problem; they sum to `budget`.

    Raises:
        ConfigurationError: `budget` cannot give everyone `minimum` samples, or a weight is out of range.

    Example:
        >>> from its_graph.allocation import proportional
        >>> proportional([1, 4, 16, 64], budget=85)
        [1, 4, 16, 64]
        >>> proportional([0, 1], budget=5, minimum=1)
        [1, 4]
    """
    remaining = budget - minimum * len(weights)
    if remaining < 0 or min(weights, default=0.0) < 0 or (weights and sum(weights) <= 0):
        raise ConfigurationError(
            f"Cannot divide {budget} samples among {len(weights)} problems, at least {minimum} each, by weights "
            f"{weights[:5]}. Weights must be at least 0 with a positive sum, and the budget must cover the minimum."
        )
    total = sum(weights)
    shares = [remaining * weight / total for weight in weights]
    counts = [int(share) for share in shares]
    by_remainder = sorted(range(len(weights)), key=lambda index: (counts[index] - shares[index], index))
    for index in by_remainder[: remaining - sum(counts)]:
        counts[index] += 1
    return [minimum + count for count in counts]
