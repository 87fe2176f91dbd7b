"""The two kinds of reply: JSON, and a stream of server-sent events that notices when its client disconnects."""

import json
from collections.abc import AsyncIterator, Callable
from typing import Any

from pydantic_core import PydanticSerializationError, to_json, to_jsonable_python
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

__all__ = ["KEEP_ALIVE", "KEEP_ALIVE_S", "EventStream", "JsonReply", "format_sse", "json_bytes"]

KEEP_ALIVE_S = 15.0
"""Seconds without an event after which a stream sends a keep-alive comment."""

KEEP_ALIVE = ": waiting\n\n"
"""A comment: clients ignore it, proxies see that the connection is alive."""


def json_bytes(data: Any) -> bytes:
    """Return `data` as JSON on one line; numbers that JSON cannot express (NaN) become null.

    A model may write a lone surrogate, which UTF-8 cannot encode; then all non-ASCII characters are escaped.
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


def _do_nothing() -> None:
    """Leave the source of a stream running when its client disconnects."""


class EventStream(StreamingResponse):
    """A stream of server-sent events.

    Args:
        parts: the text of the stream, event by event.
        on_close: called once the stream is over, whether it was read to the end or the client disconnected.
        headers: additional headers.
    """

    def __init__(
        self,
        parts: AsyncIterator[str],
        on_close: Callable[[], object] = _do_nothing,
        headers: dict[str, str] | None = None,
    ) -> None:
        # Without the second header nginx buffers a stream.
        stream_headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no", **(headers or {})}
        super().__init__(parts, media_type="text/event-stream", headers=stream_headers)
        self._on_close = on_close

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the stream."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._on_close()


def format_sse(data: Any, *, kind: str | None = None, id: str | None = None) -> str:
    """Return one server-sent event, its data as JSON on one line."""
    lines = [] if id is None else [f"id: {id}"]
    lines += [] if kind is None else [f"event: {kind}"]
    return "\n".join([*lines, f"data: {json_bytes(data).decode()}", "", ""])
