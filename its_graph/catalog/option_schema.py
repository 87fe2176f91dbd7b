"""Which options of a strategy plain data can set, and what each may be: read from its factory's signature.

Numbers, words and lists of them can be written in a request, on a command line or in a file; rules and models are
Python, and have no type here.
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
"""What plain data can carry, and as what it is taken: nobody has a use for NaN."""


def plain_types(strategy: Strategy, without: Sequence[type] = ()) -> dict[str, Any]:
    """Return the type of each option as far as plain data can carry it, for pydantic to check.

    Args:
        strategy: whose options.
        without: an option that takes one of these types, whatever else it takes, is left out.
    """
    hints = get_type_hints(strategy.factory)
    given = {name: hints[name] for name in strategy.options if name in hints}
    plain = {name: _plain(kind) for name, kind in given.items() if not any(one in get_args(kind) for one in without)}
    return {name: _bounded(name, kind) for name, kind in plain.items() if kind not in (None, NoneType)}


def is_integer(kind: Any) -> bool:
    """Tell whether a type of `plain_types` is that of whole numbers."""
    bare = get_args(kind)[0] if get_origin(kind) is Annotated else kind
    return bare is int or int in get_args(bare)


def _plain(kind: Any) -> Any:
    """Return the part of a type that plain data can carry; None where there is none."""
    if kind in _PLAIN:
        return _PLAIN[kind]
    if get_origin(kind) in (Union, UnionType):
        parts = [part for one in get_args(kind) if (part := _plain(one)) is not None]
        return reduce(or_, parts) if parts else None
    if get_origin(kind) is Sequence and get_args(kind)[0] in _PLAIN:
        return list[_PLAIN[get_args(kind)[0]]]  # type: ignore[misc]  # a type that is known at run time only
    return None


def _bounded(name: str, kind: Any) -> Any:
    if name == "temperature":
        return Annotated[kind, Field(ge=0)]
    return Annotated[kind, Field(lt=2**63)] if is_integer(kind) else kind  # what a checkpoint can hold
