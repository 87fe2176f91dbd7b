"""Per-run settings: `graph.invoke(question, context=SearchContext(...))`.

A search is often a subgraph of somebody else's graph, and then receives that graph's context: None, a dict, or an
object of another class. `search_context` accepts them all. It is read once, when a search starts; from then on the
settings live in the state, so that a resumed search keeps its seed and its budget.
"""

from collections.abc import Mapping
from typing import Any

from langgraph.runtime import get_runtime
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from its_graph.budget import Budget
from its_graph.errors import ConfigurationError

__all__ = ["SearchContext", "search_context"]


class SearchContext(BaseModel):
    """What may differ from run to run. What a strategy *is* (n, width, rules) is fixed by its factory instead."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    seed: int | None = None
    """Seed of the whole search. None draws one and reports it, so that any run can be repeated."""
    budget: Budget = Budget()
    temperature: float | None = Field(default=None, ge=0)
    """Sampling temperature, 0 is greedy; None takes the generator's own."""
    top_p: float = Field(default=1.0, gt=0, le=1)
    max_tokens: int | None = Field(default=None, ge=1)
    """Longest solution in generated tokens; None takes the generator's own `max_tokens`."""
    step_tokens: int | None = Field(default=None, ge=1)
    """Longest single step of a step search, in generated tokens; None takes the generator's own `step_tokens`."""
    retries: int = Field(default=2, ge=0)
    """How often a call that failed for a passing reason (connection, time-out, overload) is repeated."""
    system: str | None = None
    """System prompt put before the conversation."""


def search_context() -> SearchContext:
    """Return the context of the surrounding run as ours, whatever it is, with defaults for what it lacks."""
    given: Any = get_runtime().context
    if isinstance(given, SearchContext):
        return given
    if not isinstance(given, Mapping):
        return SearchContext()
    try:
        return SearchContext.model_validate(given)
    except ValidationError as error:
        raise ConfigurationError(f"The context of this run has unusable search settings: {error}") from error
