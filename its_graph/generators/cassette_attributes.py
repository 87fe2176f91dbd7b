"""The attributes that a replayed model shares with the recorded one, as JSON in the cassette's header."""

from collections.abc import Callable, Mapping
from typing import Any

from its_graph.contracts import Generator, SampleRequest, Verifier
from its_graph.text.thinking import ThinkStyle

__all__ = ["dump_attributes", "load_attributes"]

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


def dump_attributes(runnable: Generator | Verifier) -> dict[str, Any]:
    """Return the attributes of `runnable` as JSON data; for a team, also the parameters of each of its models."""
    names = _GENERATOR if isinstance(runnable, Generator) else _VERIFIER
    attributes = {name: _TO_JSON.get(name, _identity)(getattr(runnable, name)) for name in names}
    if isinstance(runnable, Generator) and runnable.models:
        messages = ({"role": "user", "content": ""},)
        attributes["model_parameters"] = {
            name: runnable.parameters_of(SampleRequest(messages=messages, model=name)) for name in runnable.models
        }
    return attributes


def load_attributes(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Return the attributes that `dump_attributes` wrote, by name."""
    return {name: _FROM_JSON.get(name, _identity)(value) for name, value in attributes.items()}


def _identity(value: Any) -> Any:
    return value
