"""The options of a strategy that can be set over HTTP: those that plain data can carry."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, TypeAdapter, ValidationError

from its_graph.api.errors import ApiError, refusal
from its_graph.catalog.option_schema import is_whole, plain_types
from its_graph.catalog.registry import Strategy

__all__ = ["MAX_COUNT", "check_options", "settable"]

MAX_COUNT = 1024
"""What a request may ask for at most of anything that is counted (samples, rounds, paths, steps), but for tokens."""


def settable(strategy: Strategy) -> dict[str, Any]:
    """Return names and defaults of the options that a request may set: rules and models are Python."""
    return {name: strategy.options[name] for name in _types(strategy)}


def check_options(strategy: Strategy, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return `options` where all of them are what the factory takes.

    Raises:
        ApiError: one is unknown, of another type, or beyond `MAX_COUNT`; the message names it.
    """
    types = _types(strategy)
    for name in options:
        if name not in types:
            known = ", ".join(types) or "none"
            raise ApiError(
                422,
                f"{strategy.name} has no option {name!r} that can be set here. Its options: {known}.",
                param=f"options.{name}",
            )
    return {name: _checked(name, types[name], value) for name, value in options.items()}


def _checked(name: str, kind: Any, value: Any) -> Any:
    try:
        return TypeAdapter(kind).validate_python(value, strict=True)
    except ValidationError as error:
        raise refusal([{**one, "loc": ("options", name)} for one in error.errors()], 422) from error


def _types(strategy: Strategy) -> dict[str, Any]:
    """Return the type of each option that a request may set.

    A text that would be taken for a path is left to Python: no caller may name files of the server's machine.
    """
    return {name: _bounded(name, kind) for name, kind in plain_types(strategy, without=(Path,)).items()}


def _bounded(name: str, kind: Any) -> Any:
    counted = is_whole(kind) and not name.endswith("_tokens")
    return Annotated[kind, Field(le=MAX_COUNT)] if counted else kind
