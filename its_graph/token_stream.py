"""The text of a sample while it is written.

A request with a `stream_id` sends its new text to the listener of the context in which it was made. A backend that
returns whole replies sends nothing.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeAlias

from its_graph.contracts import SampleRequest

__all__ = ["TokenListener", "subscribe", "token_callback"]

TokenListener: TypeAlias = Callable[[str, str], None]
"""Receives the `stream_id` of a request and its new text. It may be called from any thread."""

_listener: ContextVar[TokenListener | None] = ContextVar("its_graph_listener", default=None)


@contextmanager
def subscribe(listener: TokenListener) -> Iterator[None]:
    """Send the text of requests made in this context to `listener`."""
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)


def token_callback(request: SampleRequest) -> Callable[[str], None] | None:
    """Return where to send the new text of `request`; None if nobody listens. Call it in the caller's context.

    If the request asks for several samples, send the text of the first.
    """
    listener, stream_id = _listener.get(), request.stream_id
    if listener is None or stream_id is None:
        return None
    return lambda text: listener(stream_id, text) if text else None
