"""Per-run settings: `graph.invoke(question, context=SearchContext(...))`.

A search is often a subgraph of someone else's graph and then receives that graph's context: None, a dict, or an object
of another class. `search_context` accepts them all. It is read once, when a search starts; from then on the settings
are in the state, so that a resumed search keeps its seed and its budget.

A context shared with other programs puts our settings under `its_graph`:
`context={"user": "me", "its_graph": {"seed": 1}}`. Only then can a wrong value be distinguished from someone else's
field that happens to be named `system` or `budget`.
"""

from collections.abc import Mapping
from typing import Any

from langgraph.runtime import get_runtime
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from its_graph.budget import Budget, Int64
from its_graph.errors import ConfigurationError

__all__ = ["SearchContext", "search_context"]


_KEY = "its_graph"
"""The key or attribute that holds our settings in another program's context."""


class SearchContext(BaseModel):
    """The settings that may differ from run to run. What defines a strategy (n, width, rules) is set by its factory.

    Args:
        seed: seed of the whole search, in [-2**63, 2**63). None draws one and reports it in the result, so that any
            run can be repeated.
        budget: hard limits of this run; no limits by default.
        temperature: sampling temperature, >= 0; 0 is greedy. None uses the generator's own.
        top_p: nucleus sampling, in (0, 1]; 1 samples from all tokens.
        max_tokens: longest solution in generated tokens, >= 1. None uses the generator's own `max_tokens`.
        step_tokens: longest single step of a step search in generated tokens, >= 1. None uses the generator's own
            `step_tokens`.
        retries: how many times a call that failed transiently (connection, timeout, overload) is retried; >= 0.
        stream_tokens: whether to send the text of each sample while it is written, as `its.token_added` events of the
            `custom` stream.
        dispatch: whether to send events as LangChain custom events too, for `astream_events` and AG-UI; costs a thread
            per event.
        system: system prompt put before the conversation; None for none.

    Raises:
        pydantic.ValidationError: for a value outside its range.

    >>> from its_graph import Budget, SearchContext, create
    >>> from its_graph.testing import ToyGenerator
    >>> graph = create("self_consistency", ToyGenerator(), n=16).compile()
    >>> context = SearchContext(seed=7, budget=Budget(calls=4))
    >>> result = graph.invoke({"problem": "Add 3, 5, 4."}, context=context)["result"]
    >>> result["stop_reason"], result["spend"]["calls"]
    ('budget', 4)
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    seed: Int64 | None = None
    budget: Budget = Budget()
    temperature: float | None = Field(default=None, ge=0)
    top_p: float = Field(default=1.0, gt=0, le=1)
    max_tokens: Int64 | None = Field(default=None, ge=1)
    step_tokens: Int64 | None = Field(default=None, ge=1)
    retries: Int64 = Field(default=2, ge=0)
    stream_tokens: bool = False
    dispatch: bool = False
    system: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _unwrap(cls, context: Any) -> Any:
        """Accept a context that holds our settings under their own key, as a graph called directly may receive one."""
        return _fields(context[_KEY]) if isinstance(context, Mapping) and context.get(_KEY) is not None else context


def search_context() -> SearchContext:
    """Return the search settings in the context of the surrounding run, with defaults for what it lacks.

    1. If the context has `its_graph` (key or attribute; a dict or a `SearchContext`), that is ours and nothing else is
       read. 2. A dict with only our keys is ours. 3. Any other dict or object is someone else's: fields named like ours
       are used if their value is valid, and ignored otherwise.

    Raises:
        ConfigurationError: if a value that is ours (1, 2) is invalid.
    """
    context: Any = get_runtime().context
    if context is None or isinstance(context, SearchContext):
        return context or SearchContext()
    ours = context.get(_KEY) if isinstance(context, Mapping) else getattr(context, _KEY, None)
    if ours is not None:
        return _strict(ours)
    if not isinstance(context, Mapping):
        fields = SearchContext.model_fields
        return _lenient({name: getattr(context, name) for name in fields if hasattr(context, name)})
    return _strict(context) if set(context) <= set(SearchContext.model_fields) else _lenient(context)


def _strict(settings: Any) -> SearchContext:
    try:
        return SearchContext.model_validate(_fields(settings))
    except ValidationError as error:
        raise ConfigurationError(f"The context of this run has invalid search settings: {error}") from error


def _lenient(values: Mapping[str, Any]) -> SearchContext:
    valid = {name: values[name] for name in SearchContext.model_fields if name in values and _is_valid(name, values)}
    return SearchContext.model_validate(valid)


def _is_valid(name: str, values: Mapping[str, Any]) -> bool:
    try:
        SearchContext.model_validate({name: values[name]})
    except ValidationError:
        return False
    return True


def _fields(settings: Any) -> Any:
    if isinstance(settings, SearchContext):
        return settings.model_dump()
    if isinstance(settings, Mapping):
        return dict(settings)
    raise ConfigurationError(
        f"`{_KEY}` in the context must be a SearchContext or a dict of its fields; got {type(settings).__name__}."
    )
