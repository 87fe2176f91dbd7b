"""What a replayed model has from the recorded one, beside its answers: attributes, as JSON in the cassette's header."""

from collections.abc import Callable, Mapping
from typing import Any

from its_graph.contracts import Generator, SampleRequest, Verifier
from its_graph.text.thinking import ThinkStyle

__all__ = ["kept", "restored"]

_GENERATOR = (
    "parameters",
    "max_tokens",
    "step_tokens",
    "temperature",
    "can_continue",
    "step_separator",
    "signals",
    "models",
    "think_style",
)
_VERIFIER = ("parameters", "score_range")

_TO_JSON: dict[str, Callable[[Any], Any]] = {"signals": sorted, "models": list, "think_style": ThinkStyle._asdict}
_FROM_JSON: dict[str, Callable[[Any], Any]] = {
    "signals": frozenset,
    "models": tuple,
    "think_style": lambda fields: ThinkStyle(**fields),
}


def kept(runnable: Generator | Verifier) -> dict[str, Any]:
    """Return the attributes to write down, as JSON data; of a team also the parameters of each of its models."""
    names = _GENERATOR if isinstance(runnable, Generator) else _VERIFIER
    attributes = {name: _TO_JSON.get(name, _as_it_is)(getattr(runnable, name)) for name in names}
    if isinstance(runnable, Generator) and runnable.models:
        nothing = ({"role": "user", "content": ""},)
        sizes = {name: runnable.parameters_of(SampleRequest(messages=nothing, model=name)) for name in runnable.models}
        attributes["model_parameters"] = sizes
    return attributes


def restored(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Return the attributes that were written down."""
    return {name: _FROM_JSON.get(name, _as_it_is)(value) for name, value in attributes.items()}


def _as_it_is(value: Any) -> Any:
    return value
