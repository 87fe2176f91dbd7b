"""Futures in, and all ways to call a runnable out."""

import asyncio
from abc import abstractmethod
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from concurrent.futures import Future, as_completed
from typing import Any, TypeVar

from langchain_core.runnables import RunnableConfig

from its_graph.batching.as_completed import AsCompleted

__all__ = ["FutureRunnable"]

Request = TypeVar("Request")
Reply = TypeVar("Reply")


class FutureRunnable(AsCompleted[Request, Reply]):
    """A runnable that answers through futures, however it is asked.

    `max_concurrency` of a config has no meaning here: merging requests is the backend's business.
    """

    @abstractmethod
    def futures(self, inputs: Sequence[Request]) -> list[Future[Reply]]:
        """Start the requests; one future each, in order. Never raises: what cannot run gives a failed future."""

    def batch_as_completed(
        self,
        inputs: Sequence[Request],
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
        inputs: Sequence[Request],
        config: RunnableConfig | Sequence[RunnableConfig] | None = None,
        *,
        return_exceptions: bool = False,
        **kwargs: Any,
    ) -> AsyncIterator[tuple[int, Any]]:
        """Yield (position, reply) as requests are answered; leaving the loop early drops the rest."""
        positions = {asyncio.wrap_future(future): at for at, future in enumerate(self.futures(inputs))}
        try:
            while positions:
                done, _ = await asyncio.wait(positions, return_when=asyncio.FIRST_COMPLETED)
                for future in done:
                    yield positions.pop(future), _outcome(future, return_exceptions)
        finally:
            _cancel(positions)


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
        if not future.cancel() and not future.cancelled():
            future.exception()
