"""What is left of the budget of a whole batch.

The invariant: spent + held <= limit, for every limit, at every moment. Searches are let in by waves: each holds its
worst case, none is let in while a wave is under way, and what a wave did not use is there for the next.
"""

import math
import sys
from collections.abc import Mapping
from typing import TypeAlias

from its_graph.budget import Budget, Spend
from its_graph.errors import ConfigurationError

__all__ = ["BudgetPool", "Share"]

Share: TypeAlias = Mapping[str, float]
"""An amount of each measure that the budget limits, by the names of `Budget`."""


class BudgetPool:
    """A budget that many searches share.

    Args:
        budget: at least one limit, each a number, and none of `seconds`: time passes for all searches at once.
        spent: by earlier runs of the same batch.
    """

    def __init__(self, budget: Budget, spent: Spend) -> None:
        self._limits = {name: limit for name in Budget.model_fields if (limit := getattr(budget, name)) is not None}
        if not self._limits or "seconds" in self._limits:
            raise ConfigurationError(
                f"A batch needs a budget of tokens, generated_tokens, calls or flops, and none of seconds. "
                f"Given: {self._limits or 'no limit'}. Limit the seconds of each search in its context."
            )
        if not all(map(math.isfinite, self._limits.values())):
            raise ConfigurationError(f"A limit without end is none. Given: {self._limits}. Give numbers.")
        self._spent = dict(self.share(spent))
        self._held = dict.fromkeys(self._limits, 0.0)

    def share(self, spend: Spend, times: int = 1) -> Share:
        """Return the limited measures of `spend`, taken `times`."""
        return {name: getattr(spend, name) * times for name in self._limits}

    @property
    def left(self) -> Share:
        """What is neither spent nor held."""
        return {name: limit - self._spent[name] - self._held[name] for name, limit in self._limits.items()}

    @property
    def used(self) -> float:
        """The part that is spent, in [0, 1], of the limit that is nearest."""
        return max(self._spent[name] / limit if limit else 1.0 for name, limit in self._limits.items())

    @property
    def idle(self) -> bool:
        """Whether nothing is held."""
        return not any(self._held.values())

    def times(self, price: Share) -> int:
        """Return how often `price` can be paid; without end where it costs nothing."""
        left = self.left
        fits = [int(left[name] // price[name]) if price[name] > 0 else sys.maxsize for name in left]
        return max(0, min(fits))

    def nearest(self, price: Share) -> str:
        """Return the measure of which the fewest of `price` are left."""
        left = self.left
        return min(left, key=lambda name: left[name] / price[name] if price[name] > 0 else float("inf"))

    def hold(self, share: Share) -> None:
        """Keep a share for a search."""
        for name in self._held:
            self._held[name] += share[name]

    def settle(self, used: Share) -> None:
        """Book what a search has used of its share."""
        for name in self._spent:
            self._spent[name] += used[name]

    def release(self) -> None:
        """Give back all that is held: the wave has settled."""
        self._held = dict.fromkeys(self._limits, 0.0)
