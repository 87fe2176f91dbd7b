"""Per-run settings: `graph.invoke(question, context=SearchContext(...))`.

A search is often a subgraph of somebody else's graph, and then receives that graph's context: None, a dict, or an
object of another class. `search_context` accepts them all. It is read once, when a search starts; from then on the
settings live in the state, so that a resumed search keeps its seed and its budget.

A context that serves others too names ours `its_graph`: `context={"user": "me", "its_graph": {"seed": 1}}`. Only then
is a wrong value told from a field of somebody else's that happens to be called `system` or `budget`.
"""

from collections.abc import Mapping
from typing import Any

from langgraph.runtime import get_runtime
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from its_graph.budget import Budget, Int64
from its_graph.errors import ConfigurationError

__all__ = ["SearchContext", "search_context"]


_OURS = "its_graph"
"""The key, or the attribute, under which another program's context holds our settings."""


class SearchContext(BaseModel):
    """What may differ from run to run. What a strategy *is* (n, width, rules) is fixed by its factory instead."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    seed: Int64 | None = None
    """Seed of the whole search. None draws one and reports it, so that any run can be repeated."""
    budget: Budget = Budget()
    temperature: float | None = Field(default=None, ge=0)
    """Sampling temperature, 0 is greedy; None takes the generator's own."""
    top_p: float = Field(default=1.0, gt=0, le=1)
    max_tokens: Int64 | None = Field(default=None, ge=1)
    """Longest solution in generated tokens; None takes the generator's own `max_tokens`."""
    step_tokens: Int64 | None = Field(default=None, ge=1)
    """Longest single step of a step search, in generated tokens; None takes the generator's own `step_tokens`."""
    retries: Int64 = Field(default=2, ge=0)
    """How often a call that failed for a passing reason (connection, time-out, overload) is repeated."""
    stream_tokens: bool = False
    """Whether the text of each sample is told while it is written, as `its.token_added` events of the `custom` stream."""
    dispatch: bool = False
    """Whether events are LangChain's custom events too, for `astream_events` and AG-UI; it costs a thread an event."""
    system: str | None = None
    """System prompt put before the conversation."""

    @model_validator(mode="before")
    @classmethod
    def _unwrap(cls, given: Any) -> Any:
        """Read a context in which ours stands under its own name: a graph called directly gets one of these too."""
        return _fields(given[_OURS]) if isinstance(given, Mapping) and given.get(_OURS) is not None else given


def search_context() -> SearchContext:
    """Return the context of the surrounding run as ours, whatever it is, with defaults for what it lacks.

    1. What the context holds as `its_graph` (key or attribute; a dict or a `SearchContext`) is ours and nothing else is
       read. 2. A dict with no key but ours is ours. 3. Any other dict, and any object, is somebody else's: fields named
    like ours are taken where their value can be used, and passed over where it cannot.

    Raises:
        ConfigurationError: if a value that is ours (1, 2) cannot be used.
    """
    given: Any = get_runtime().context
    if given is None or isinstance(given, SearchContext):
        return given or SearchContext()
    named = given.get(_OURS) if isinstance(given, Mapping) else getattr(given, _OURS, None)
    if named is not None:
        return _strict(named)
    if not isinstance(given, Mapping):
        return _lenient({name: getattr(given, name) for name in SearchContext.model_fields if hasattr(given, name)})
    return _strict(given) if set(given) <= set(SearchContext.model_fields) else _lenient(given)


def _strict(given: Any) -> SearchContext:
    try:
        return SearchContext.model_validate(_fields(given))
    except ValidationError as error:
        raise ConfigurationError(f"The context of this run has unusable search settings: {error}") from error


def _lenient(given: Mapping[str, Any]) -> SearchContext:
    usable = {name: given[name] for name in SearchContext.model_fields if name in given and _is_usable(name, given)}
    return SearchContext.model_validate(usable)


def _is_usable(name: str, given: Mapping[str, Any]) -> bool:
    try:
        SearchContext.model_validate({name: given[name]})
    except ValidationError:
        return False
    return True


def _fields(given: Any) -> Any:
    if isinstance(given, SearchContext):
        return given.model_dump()
    if isinstance(given, Mapping):
        return dict(given)
    raise ConfigurationError(
        f"The context holds `{_OURS}` of type {type(given).__name__}. Expected a SearchContext or a dict of its fields."
    )
