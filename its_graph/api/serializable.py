"""Validators for data of a request that is serialized later, to JSON and to checkpoints, when the field is unknown."""

from typing import Any, TypeVar

from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from pydantic_core import PydanticSerializationError, to_json

__all__ = ["check_json_serializable", "check_storable"]

_T = TypeVar("_T")

_ENVELOPE_DEPTH = 16
"""Levels of nesting that a reply may add around data of a request."""

_SERIALIZER = JsonPlusSerializer()


def check_json_serializable(value: _T) -> _T:
    """Reject data that a later reply could not write as JSON."""
    enclosed: Any = value
    for _ in range(_ENVELOPE_DEPTH):
        enclosed = [enclosed]
    try:
        to_json(enclosed)
    except PydanticSerializationError as error:
        raise ValueError("must not be nested too deeply or contain lone surrogates") from error
    return value


def check_storable(value: _T) -> _T:
    """Reject data that a checkpoint could not hold, in addition to what `check_json_serializable` rejects."""
    check_json_serializable(value)
    try:
        _SERIALIZER.dumps_typed(value)
    except TypeError as error:
        raise ValueError("must not contain integers of more than 64 bits") from error
    return value
