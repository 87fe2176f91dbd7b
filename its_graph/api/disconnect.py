"""Cancels work when the client that waits for it disconnects."""

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

from fastapi import Request

from its_graph.api.errors import ApiError

__all__ = ["cancel_on_disconnect"]

_T = TypeVar("_T")


async def cancel_on_disconnect(request: Request, work: Awaitable[_T]) -> _T:
    """Return the result of `work`; cancel it if the client disconnects first.

    Raises:
        ApiError: the client disconnected, so no one reads this error.
    """
    working, disconnecting = asyncio.ensure_future(work), asyncio.create_task(_disconnected(request))
    try:
        await asyncio.wait({working, disconnecting}, return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise ApiError(499, "Client disconnected before the search finished.")
        return working.result()
    finally:
        working.cancel()
        disconnecting.cancel()


async def _disconnected(request: Request) -> None:
    """Return once the connection is closed; the body has already been read."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
