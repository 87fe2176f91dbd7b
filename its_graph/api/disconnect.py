"""Work for a caller who may leave before it is done."""

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

from fastapi import Request

from its_graph.api.errors import ApiError

__all__ = ["cancel_on_disconnect"]

_T = TypeVar("_T")


async def cancel_on_disconnect(request: Request, work: Awaitable[_T]) -> _T:
    """Return what `work` returns; if the caller leaves, it is cancelled.

    Raises:
        ApiError: the caller left; nobody will read it.
    """
    working, leaving = asyncio.ensure_future(work), asyncio.create_task(_left(request))
    try:
        await asyncio.wait({working, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise ApiError(499, "The caller left before there was an answer.")
        return working.result()
    finally:
        working.cancel()
        leaving.cancel()


async def _left(request: Request) -> None:
    """Return once the connection is closed; the body has been read already."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
