"""One `submit`, six ways to call it: invoke, batch, batch_as_completed and their async forms."""

import asyncio
from abc import abstractmethod
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from concurrent.futures import Future, as_completed
from typing import Any

from langchain_core.runnables import RunnableConfig

from its_graph.contracts import Generator, Sample, SampleRequest

__all__ = ["FutureGenerator"]


class FutureGenerator(Generator):
    """A generator whose requests are answered through futures, however they are asked.

    `max_concurrency` of a config has no meaning here: merging requests is the backend's business.
    """

    @abstractmethod
    def submit(self, request: SampleRequest) -> Future[list[Sample]]:
        """Start one request. Never raises: a request that cannot run gives a failed future."""

    def invoke(self, input: SampleRequest, config: RunnableConfig | None = None, **kwargs: Any) -> list[Sample]:
        """Return the samples of one request."""
        return self.submit(input).result()

    async def ainvoke(
        self, input: SampleRequest, config: RunnableConfig | None = None, **kwargs: Any
    ) -> list[Sample]:
        """Return the samples of one request; cancelling the task ends its rows."""
        return await asyncio.wrap_future(self.submit(input))

    def batch(
        self,
        inputs: list[SampleRequest],
        config: RunnableConfig | list[RunnableConfig] | None = None,
        *,
        return_exceptions: bool = False,
        **kwargs: Any,
    ) -> list[Any]:
        """Return the samples of each request, in order; a failure raises, or takes its place in the list."""
        futures = [self.submit(request) for request in inputs]
        try:
            return [_outcome(future, return_exceptions) for future in futures]
        finally:
            _cancel(futures)

    async def abatch(
        self,
        inputs: list[SampleRequest],
        config: RunnableConfig | list[RunnableConfig] | None = None,
        *,
        return_exceptions: bool = False,
        **kwargs: Any,
    ) -> list[Any]:
        """Return the samples of each request, in order; a failure raises, or takes its place in the list."""
        futures = [self.submit(request) for request in inputs]
        try:
            wrapped = [asyncio.wrap_future(future) for future in futures]
            return await asyncio.gather(*wrapped, return_exceptions=return_exceptions)
        finally:
            _cancel(futures)

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
