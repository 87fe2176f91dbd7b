"""One `submit` that gives a future, and all ways to call a generator."""

import asyncio
from abc import abstractmethod
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from concurrent.futures import Future, as_completed
from typing import Any

from langchain_core.runnables import RunnableConfig

from its_graph.contracts import Generator, Sample, SampleRequest
from its_graph.generators.as_completed import AsCompleted

__all__ = ["FutureGenerator"]


class FutureGenerator(AsCompleted[SampleRequest, list[Sample]], Generator):
    """A generator whose requests are answered through futures, however they are asked.

    `max_concurrency` of a config has no meaning here: merging requests is the backend's business.
    """

    @abstractmethod
    def submit(self, request: SampleRequest) -> Future[list[Sample]]:
        """Start one request. Never raises: a request that cannot run gives a failed future."""

    def batch_as_completed(
        self,
        inputs: Sequence[SampleRequest],
        config: RunnableConfig | Sequence[RunnableConfig] | None = None,
        *,
        return_exceptions: bool = False,
        **kwargs: Any,
    ) -> Iterator[tuple[int, Any]]:
        """Yield (position, samples) as requests are answered; leaving the loop early drops the rest."""
        positions = {self.submit(request): position for position, request in enumerate(inputs)}
        try:
            for future in as_completed(positions):
                yield positions[future], _outcome(future, return_exceptions)
        finally:
            _cancel(positions)

    async def abatch_as_completed(
        self,
        inputs: Sequence[SampleRequest],
        config: RunnableConfig | Sequence[RunnableConfig] | None = None,
        *,
        return_exceptions: bool = False,
        **kwargs: Any,
    ) -> AsyncIterator[tuple[int, Any]]:
        """Yield (position, samples) as requests are answered; leaving the loop early drops the rest."""
        positions = {asyncio.wrap_future(self.submit(request)): at for at, request in enumerate(inputs)}
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
