"""The remaining budget of a whole batch.

Invariant: spent + reserved <= limit, for every limit, at every moment. Searches are admitted in waves: each reserves
its worst case, none is admitted while a wave runs, and what a wave does not use is available to the next.
"""

import math
import sys
from collections.abc import Mapping
from typing import TypeAlias

from its_graph.budget import Budget, Spend
from its_graph.errors import ConfigurationError

__all__ = ["Amounts", "BudgetPool"]

Amounts: TypeAlias = Mapping[str, float]
"""An amount of each measure that the budget limits, by its field name in `Budget`."""


class BudgetPool:
    """A budget shared by many searches.

    Args:
        budget: at least one finite limit, and none of `seconds`: time passes for all searches at once.
        spent: spend of earlier runs of the same batch.
    """

    def __init__(self, budget: Budget, spent: Spend) -> None:
        self._limits = {name: limit for name in Budget.model_fields if (limit := getattr(budget, name)) is not None}
        if not self._limits or "seconds" in self._limits:
            raise ConfigurationError(
                f"A batch budget must limit tokens, generated_tokens, calls or flops, and not seconds; "
                f"got {self._limits or 'no limit'}. Limit the seconds of each search in its context."
            )
        if not all(map(math.isfinite, self._limits.values())):
            raise ConfigurationError(f"Budget limits must be finite; got {self._limits}.")
        self._spent = dict(self.amounts(spent))
        self._reserved = dict.fromkeys(self._limits, 0.0)

    def amounts(self, spend: Spend, times: int = 1) -> Amounts:
        """Return the limited measures of `spend`, multiplied by `times`."""
        return {name: getattr(spend, name) * times for name in self._limits}

    @property
    def remaining(self) -> Amounts:
        """What is neither spent nor reserved."""
        return {name: limit - self._spent[name] - self._reserved[name] for name, limit in self._limits.items()}

    @property
    def used_fraction(self) -> float:
        """The spent fraction, in [0, 1], of the limit that is closest to exhaustion."""
        return max(self._spent[name] / limit if limit else 1.0 for name, limit in self._limits.items())

    @property
    def idle(self) -> bool:
        """Whether nothing is reserved."""
        return not any(self._reserved.values())

    def affordable(self, price: Amounts) -> int:
        """Return how many times `price` can be paid; `sys.maxsize` if it costs nothing."""
        remaining = self.remaining
        counts = [int(remaining[name] // price[name]) if price[name] > 0 else sys.maxsize for name in remaining]
        return max(0, min(counts))

    def tightest_measure(self, price: Amounts) -> str:
        """Return the measure that allows the fewest payments of `price`."""
        remaining = self.remaining
        return min(remaining, key=lambda name: remaining[name] / price[name] if price[name] > 0 else float("inf"))

    def reserve(self, amounts: Amounts) -> None:
        """Set amounts aside for a search."""
        for name in self._reserved:
            self._reserved[name] += amounts[name]

    def settle(self, used: Amounts) -> None:
        """Record what a search has used of its reservation."""
        for name in self._spent:
            self._spent[name] += used[name]

    def release(self) -> None:
        """Drop all reservations: the wave has settled."""
        self._reserved = dict.fromkeys(self._limits, 0.0)
