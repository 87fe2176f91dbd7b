"""The two kinds of reply: JSON, and a stream of server-sent events that notices when its reader leaves."""

import json
from collections.abc import AsyncIterator, Callable
from typing import Any

from pydantic_core import PydanticSerializationError, to_json, to_jsonable_python
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

__all__ = ["KEEP_ALIVE", "KEEP_ALIVE_S", "EventStream", "JsonReply", "json_bytes", "format_sse"]

KEEP_ALIVE_S = 15.0
"""Seconds without an event after which a stream shows that it lives."""

KEEP_ALIVE = ": waiting\n\n"
"""A comment: readers pass it over, proxies see that the connection lives."""


def json_bytes(data: Any) -> bytes:
    """Return `data` as JSON on one line; a number that JSON does not know (NaN) is null.

    A model may write half of a character, a lone surrogate, which UTF-8 cannot: then every character stands as ASCII.
    """
    try:
        return to_json(data, inf_nan_mode="null")
    except PydanticSerializationError:
        return json.dumps(to_jsonable_python(data, inf_nan_mode="null")).encode()


class JsonReply(Response):
    """A JSON reply."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        """Return the bytes of the body."""
        return json_bytes(content)


def _stay() -> None:
    """Do nothing when the reader leaves: what it read goes on."""


class EventStream(StreamingResponse):
    """A stream of server-sent events.

    Args:
        parts: the text of the stream, event by event.
        when_left: called once the stream is over, whether it was read to its end or its reader left.
        headers: of the reply.
    """

    def __init__(
        self, parts: AsyncIterator[str], when_left: Callable[[], object] = _stay, headers: dict[str, str] | None = None
    ) -> None:
        # Without the second header nginx collects a stream before it passes it on.
        told = {"Cache-Control": "no-store", "X-Accel-Buffering": "no", **(headers or {})}
        super().__init__(parts, media_type="text/event-stream", headers=told)
        self._when_left = when_left

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the stream."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._when_left()


def format_sse(data: Any, *, kind: str | None = None, id: str | None = None) -> str:
    """Return one server-sent event, its data as JSON on one line."""
    lines = [] if id is None else [f"id: {id}"]
    lines += [] if kind is None else [f"event: {kind}"]
    return "\n".join([*lines, f"data: {json_bytes(data).decode()}", "", ""])
