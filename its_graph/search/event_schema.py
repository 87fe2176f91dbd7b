"""The events as a published, versioned JSON schema, for readers that are not Python."""

from typing import Annotated, Any

from pydantic import Field, TypeAdapter, ValidationError

from its_graph.errors import InputError
from its_graph.search.events import Event

__all__ = ["EVENT_VERSION", "event_schema", "parse_event"]

EVENT_VERSION = 2
"""Increases when an event or a field is removed or changes its meaning; additions leave it unchanged."""

_EVENTS: TypeAdapter[Event] = TypeAdapter(Annotated[Event, Field(discriminator="type")])


def event_schema() -> dict[str, Any]:
    """Return the JSON schema of one event; its `type` says which event it is."""
    schema = _EVENTS.json_schema()
    for definition in schema["$defs"].values():
        if "description" in definition:  # a docstring: only its summary is about the data
            definition["description"] = definition["description"].split("\n\n")[0]
    return {"$id": f"its_graph/events/v{EVENT_VERSION}", "title": "its_graph event", **schema}


def parse_event(data: Any) -> Event:
    """Return `data` as an event.

    Raises:
        InputError: it is not an event, or a field is missing or invalid; the message names the field.
    """
    try:
        return _EVENTS.validate_python(data)
    except ValidationError as error:
        raise InputError(f"Not an event of its_graph: {error}") from error


if __name__ == "__main__":
    import json

    print(json.dumps(event_schema(), indent=2))  # noqa: T201  the command's output
