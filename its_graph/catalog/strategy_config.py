"""A strategy with its options, as data: what a grid is made of, what a policy chooses, what a file names."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from its_graph.catalog.registry import strategy
from its_graph.contracts import Generator, Verifier

__all__ = ["StrategyConfig"]


class StrategyConfig(BaseModel):
    """One way to search: `StrategyConfig(strategy="best_of_n", options={"n": 8})`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    strategy: str
    """A name of the registry."""
    options: Mapping[str, Any] = Field(default_factory=dict)
    """Keyword options of its factory; plain values, so that the setting can be written to a file."""

    @property
    def label(self) -> str:
        """How people read it: `best_of_n n=8`."""
        return " ".join([self.strategy, *(f"{name}={value}" for name, value in self.options.items())])

    def __hash__(self) -> int:
        return hash(self.label)

    def create(self, generator: Generator, verifier: Verifier | None) -> Any:
        """Return the uncompiled graph.

        Raises:
            ConfigurationError: there is no such strategy or option, or a verifier is needed and missing.
        """
        return strategy(self.strategy).create(generator, verifier, self.options)
