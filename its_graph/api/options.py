"""Strategy options that an HTTP request may set: those that plain data can express."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, TypeAdapter, ValidationError

from its_graph.api.errors import ApiError, validation_error
from its_graph.catalog.option_schema import is_integer, plain_types
from its_graph.catalog.registry import Strategy

__all__ = ["MAX_COUNT", "settable_options", "validate_options"]

MAX_COUNT = 1024
"""Upper limit of every integer option of a request (samples, rounds, paths, steps), except token limits."""


def settable_options(strategy: Strategy) -> dict[str, Any]:
    """Return the names and defaults of the options that a request may set; rules and models need Python."""
    return {name: strategy.options[name] for name in _types(strategy)}


def validate_options(strategy: Strategy, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return `options` if the strategy's factory accepts all of them.

    Raises:
        ApiError: an option is unknown, has another type, or exceeds `MAX_COUNT`; the message names it.
    """
    types = _types(strategy)
    for name in options:
        if name not in types:
            available = ", ".join(types) or "none"
            raise ApiError(
                422,
                f"{strategy.name} has no option {name!r} that a request can set. Available options: {available}.",
                param=f"options.{name}",
            )
    return {name: _validated(name, types[name], value) for name, value in options.items()}


def _validated(name: str, kind: Any, value: Any) -> Any:
    try:
        return TypeAdapter(kind).validate_python(value, strict=True)
    except ValidationError as error:
        raise validation_error([{**details, "loc": ("options", name)} for details in error.errors()], 422) from error


def _types(strategy: Strategy) -> dict[str, Any]:
    """Return the type of each option that a request may set.

    Strings that the factory would take as paths are excluded: clients must not name files of the server's machine.
    """
    return {name: _bounded(name, kind) for name, kind in plain_types(strategy, without=(Path,)).items()}


def _bounded(name: str, kind: Any) -> Any:
    is_count = is_integer(kind) and not name.endswith("_tokens")
    return Annotated[kind, Field(le=MAX_COUNT)] if is_count else kind
