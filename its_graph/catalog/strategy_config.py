"""A strategy with its options as plain data: what a grid is made of, what a policy chooses, what a file stores."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from its_graph.catalog.registry import strategy
from its_graph.contracts import Generator, Verifier

__all__ = ["StrategyConfig"]


class StrategyConfig(BaseModel):
    """A strategy and its options: `StrategyConfig(strategy="best_of_n", options={"n": 8})`.

    Args:
        strategy: a name in the registry.
        options: keyword options of its factory; plain values, so that a file can store them.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    strategy: str
    options: Mapping[str, Any] = Field(default_factory=dict)

    @property
    def label(self) -> str:
        """Its name for people: `best_of_n n=8`."""
        return " ".join([self.strategy, *(f"{name}={value}" for name, value in self.options.items())])

    def __hash__(self) -> int:
        return hash(self.label)

    def create(self, generator: Generator, verifier: Verifier | None) -> Any:
        """Return the uncompiled graph.

        Raises:
            ConfigurationError: the strategy or an option does not exist, or a required verifier is missing.
        """
        return strategy(self.strategy).create(generator, verifier, self.options)
