"""Which options of a strategy plain data can set, and the type of each, read from its factory's signature.

Numbers, strings and lists of them can come from a request, a command line or a file. Rules and models are Python
objects and have no type here.
"""

from collections.abc import Sequence
from functools import reduce
from operator import or_
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

from pydantic import Field, FiniteFloat

from its_graph.catalog.registry import Strategy

__all__ = ["is_integer", "plain_types"]

_PLAIN = {bool: bool, int: int, float: FiniteFloat, str: str, NoneType: NoneType}
"""The types that plain data can hold, and the types to validate them as: no option accepts NaN."""


def plain_types(strategy: Strategy, without: Sequence[type] = ()) -> dict[str, Any]:
    """Return the type of each option that plain data can set, for pydantic to check.

    Args:
        strategy: the strategy whose options to read.
        without: leave out options that accept one of these types, whatever else they accept.
    """
    hints = get_type_hints(strategy.factory)
    options = {name: hints[name] for name in strategy.options if name in hints}
    plain = {
        name: _plain(kind)
        for name, kind in options.items()
        if not any(excluded in get_args(kind) for excluded in without)
    }
    return {name: _bounded(name, kind) for name, kind in plain.items() if kind not in (None, NoneType)}


def is_integer(kind: Any) -> bool:
    """Return whether a type from `plain_types` accepts integers."""
    bare = get_args(kind)[0] if get_origin(kind) is Annotated else kind
    return bare is int or int in get_args(bare)


def _plain(kind: Any) -> Any:
    """Return the part of a type that plain data can hold; None if nothing is left."""
    if kind in _PLAIN:
        return _PLAIN[kind]
    if get_origin(kind) in (Union, UnionType):
        parts = [part for member in get_args(kind) if (part := _plain(member)) is not None]
        return reduce(or_, parts) if parts else None
    if get_origin(kind) is Sequence and get_args(kind)[0] in _PLAIN:
        return list[_PLAIN[get_args(kind)[0]]]  # type: ignore[misc]  # a type known only at run time
    return None


def _bounded(name: str, kind: Any) -> Any:
    if name == "temperature":
        return Annotated[kind, Field(ge=0)]
    return Annotated[kind, Field(lt=2**63)] if is_integer(kind) else kind  # checkpoints hold 64-bit integers
