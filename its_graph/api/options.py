"""The options of a strategy that can be set over HTTP: numbers, words and lists of them, read from its signature."""

from collections.abc import Mapping, Sequence
from functools import reduce
from operator import or_
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

from pydantic import Field, FiniteFloat, TypeAdapter, ValidationError

from its_graph.api.errors import ApiError, refusal
from its_graph.registry import Strategy

__all__ = ["MOST", "checked", "settable"]

MOST = 1024
"""What a request may ask for at most of anything that is counted (samples, rounds, paths, steps), but for tokens."""

_PLAIN = {bool: bool, int: int, float: FiniteFloat, str: str, NoneType: NoneType}
"""What JSON can carry, and as what it is taken: a request has no use for NaN."""


def settable(strategy: Strategy) -> dict[str, Any]:
    """Return names and defaults of the options that a request may set: rules and models are Python."""
    return {name: strategy.options[name] for name in _types(strategy)}


def checked(strategy: Strategy, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return `options` where all of them are what the factory takes.

    Raises:
        ApiError: one is unknown, of another type, or beyond `MOST`; the message names it.
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
    """Return the type of each option as far as JSON can carry it."""
    hints = get_type_hints(strategy.factory)
    plain = {name: _plain(hints[name]) for name in strategy.options}
    return {name: _bounded(name, kind) for name, kind in plain.items() if kind not in (None, NoneType)}


def _plain(kind: Any) -> Any:
    """Return the part of a type that JSON can carry; None where there is none.

    A text that would be taken for a path is left to Python: no caller may name files of the server's machine.
    """
    if kind in _PLAIN:
        return _PLAIN[kind]
    if get_origin(kind) in (Union, UnionType):
        if Path in get_args(kind):
            return None
        parts = [part for one in get_args(kind) if (part := _plain(one)) is not None]
        return reduce(or_, parts) if parts else None
    if get_origin(kind) is Sequence and get_args(kind)[0] in _PLAIN:
        return list[_PLAIN[get_args(kind)[0]]]  # type: ignore[misc]  # a type that is known at run time only
    return None


def _bounded(name: str, kind: Any) -> Any:
    if name == "temperature":
        return Annotated[kind, Field(ge=0)]
    if kind is not int and int not in get_args(kind):
        return kind
    return Annotated[kind, Field(lt=2**63) if name.endswith("_tokens") else Field(le=MOST)]
