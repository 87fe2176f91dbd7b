"""The text of a sample while it is written, for whoever watches.

A request that has a name in `live` tells its new text to the listener of the context in which it was asked. Backends
that answer whole tell nothing.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeAlias

from its_graph.contracts import SampleRequest

__all__ = ["TokenListener", "subscribe", "token_callback"]

TokenListener: TypeAlias = Callable[[str, str], None]
"""Takes the name of a request and its new text. It may be called from any thread."""

_listener: ContextVar[TokenListener | None] = ContextVar("its_graph_listener", default=None)


@contextmanager
def subscribe(listener: TokenListener) -> Iterator[None]:
    """Let `listener` hear the requests that are asked in this context."""
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)


def token_callback(request: SampleRequest) -> Callable[[str], None] | None:
    """Return where the new text of `request` goes, to be called in the context of who asks; None where nobody hears.

    Of several samples the first one's text is told.
    """
    listener, name = _listener.get(), request.stream_id
    if listener is None or name is None:
        return None
    return lambda text: listener(name, text) if text else None
