"""Allocations to beat: everybody the same, and more to the hardest."""

from collections.abc import Sequence

from its_graph.errors import ConfigurationError

__all__ = ["SEED_WEIGHTS", "by_weight", "uniform"]

SEED_WEIGHTS = (1, 4, 16, 64)
"""Weights of easy, medium, hard and very hard problems: worse than uniform, and kept to show it."""


def uniform(problems: int, budget: int) -> list[int]:
    """Return equal shares; what is left over goes to the first problems."""
    return by_weight([1.0] * problems, budget)


def by_weight(weights: Sequence[float], budget: int, *, least: int = 0) -> list[int]:
    """Share a budget out in proportion to weights, whole samples, nothing lost (largest remainder).

    Args:
        weights: not negative, not all 0.
        budget: samples in all.
        least: samples that everybody gets first.
    """
    left = budget - least * len(weights)
    if left < 0 or min(weights, default=0.0) < 0 or (weights and sum(weights) <= 0):
        raise ConfigurationError(
            f"Cannot share {budget} among {len(weights)} problems, at least {least} each, by weights {weights[:5]}."
        )
    whole = sum(weights)
    shares = [left * weight / whole for weight in weights]
    counts = [int(share) for share in shares]
    by_remainder = sorted(range(len(weights)), key=lambda place: (counts[place] - shares[place], place))
    for place in by_remainder[: left - sum(counts)]:
        counts[place] += 1
    return [least + count for count in counts]
