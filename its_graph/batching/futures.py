"""Futures in, and all ways to call a runnable out."""

import asyncio
from abc import abstractmethod
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from concurrent.futures import Future, as_completed
from functools import partial
from typing import Any, TypeVar

from langchain_core.runnables import RunnableConfig

from its_graph.batching.as_completed import AsCompleted

__all__ = ["FutureRunnable", "in_order_of_arrival"]

_Request = TypeVar("_Request")
_Reply = TypeVar("_Reply")


class FutureRunnable(AsCompleted[_Request, _Reply]):
    """A runnable that answers through futures, however it is asked.

    `max_concurrency` of a config has no meaning here: merging requests is the backend's business.
    """

    @abstractmethod
    def futures(self, inputs: Sequence[_Request]) -> list[Future[_Reply]]:
        """Start the requests; one future each, in order. Never raises: what cannot run gives a failed future."""

    def batch_as_completed(
        self,
        inputs: Sequence[_Request],
        config: RunnableConfig | Sequence[RunnableConfig] | None = None,
        *,
        return_exceptions: bool = False,
        **kwargs: Any,
    ) -> Iterator[tuple[int, Any]]:
        """Yield (position, reply) as requests are answered; leaving the loop early drops the rest."""
        positions = {future: position for position, future in enumerate(self.futures(inputs))}
        try:
            for future in as_completed(positions):
                yield positions[future], _outcome(future, return_exceptions)
        finally:
            _cancel(positions)

    async def abatch_as_completed(
        self,
        inputs: Sequence[_Request],
        config: RunnableConfig | Sequence[RunnableConfig] | None = None,
        *,
        return_exceptions: bool = False,
        **kwargs: Any,
    ) -> AsyncIterator[tuple[int, Any]]:
        """Yield (position, reply) as requests are answered; leaving the loop early drops the rest."""
        futures = [asyncio.wrap_future(future) for future in self.futures(inputs)]
        async for pair in in_order_of_arrival(futures, return_exceptions=return_exceptions):
            yield pair


async def in_order_of_arrival(
    futures: Sequence[asyncio.Future[Any]], *, return_exceptions: bool
) -> AsyncIterator[tuple[int, Any]]:
    """Yield (position, reply) of each future as it is done; leaving the loop early cancels the rest."""
    arrived: asyncio.Queue[int] = asyncio.Queue()  # and not `asyncio.wait`, which looks at all of them for each
    for position, future in enumerate(futures):
        future.add_done_callback(partial(_put, arrived, position))
    try:
        for _ in futures:
            position = await arrived.get()
            yield position, _outcome(futures[position], return_exceptions)
    finally:
        _cancel(futures)


def _put(arrived: asyncio.Queue[int], position: int, future: asyncio.Future[Any]) -> None:
    arrived.put_nowait(position)


def _outcome(future: Future[Any] | asyncio.Future[Any], return_exceptions: bool) -> Any:
    error = future.exception()
    if error is None:
        return future.result()
    if return_exceptions:
        return error
    raise error


def _cancel(futures: Iterable[Future[Any] | asyncio.Future[Any]]) -> None:
    """Cancel what is not done; a failure that nobody will read is marked as read."""
    for future in futures:
        if not future.cancel() and not future.cancelled() and future.done():
            future.exception()
