"""What a request holds is written again later, when nobody can be told the field any more: as JSON, to a checkpoint."""

from typing import Any, TypeVar

from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from pydantic_core import PydanticSerializationError, to_json

__all__ = ["json_serializable", "storable"]

_T = TypeVar("_T")

_AROUND = 16
"""Levels of nesting that a reply may put around what a request held."""

_SERDE = JsonPlusSerializer()


def json_serializable(given: _T) -> _T:
    """Refuse what could not be written as JSON again, for whoever reads of the search later."""
    inside: Any = given
    for _ in range(_AROUND):
        inside = [inside]
    try:
        to_json(inside)
    except PydanticSerializationError as error:
        raise ValueError("this is nested too deeply, or holds half of a character (a lone surrogate)") from error
    return given


def storable(given: _T) -> _T:
    """Refuse what could not be written to a checkpoint, beside what `json_serializable` refuses."""
    json_serializable(given)
    try:
        _SERDE.dumps_typed(given)
    except TypeError as error:
        raise ValueError("this holds an integer of more than 64 bits") from error
    return given
