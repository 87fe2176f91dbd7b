"""One `submit`, six ways to call it: invoke, batch, batch_as_completed and their async forms."""

import asyncio
from abc import abstractmethod
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from concurrent.futures import Future, as_completed
from typing import Any

from langchain_core.runnables import RunnableConfig

from its_graph.contracts import Candidate, Verdict, Verifier

__all__ = ["FutureVerifier"]


class FutureVerifier(Verifier):
    """A verifier that answers through futures, however it is asked.

    `max_concurrency` of a config has no meaning here: merging calls is the backend's business.
    """

    @abstractmethod
    def submit(self, candidates: Sequence[Candidate]) -> list[Future[Verdict]]:
        """Start judging; one future per candidate, in order. A candidate that cannot be judged fails alone."""

    def invoke(self, input: Candidate, config: RunnableConfig | None = None, **kwargs: Any) -> Verdict:
        """Return the verdict on one candidate."""
        return self.submit([input])[0].result()

    async def ainvoke(self, input: Candidate, config: RunnableConfig | None = None, **kwargs: Any) -> Verdict:
        """Return the verdict on one candidate."""
        return await asyncio.wrap_future(self.submit([input])[0])

    def batch(
        self,
        inputs: list[Candidate],
        config: RunnableConfig | list[RunnableConfig] | None = None,
        *,
        return_exceptions: bool = False,
        **kwargs: Any,
    ) -> list[Any]:
        """Return the verdicts in order; a failure raises, or takes its place in the list."""
        outcomes = dict(self.batch_as_completed(inputs, config, return_exceptions=return_exceptions))
        return [outcomes[position] for position in range(len(inputs))]

    async def abatch(
        self,
        inputs: list[Candidate],
        config: RunnableConfig | list[RunnableConfig] | None = None,
        *,
        return_exceptions: bool = False,
        **kwargs: Any,
    ) -> list[Any]:
        """Return the verdicts in order; a failure raises, or takes its place in the list."""
        replies = self.abatch_as_completed(inputs, config, return_exceptions=return_exceptions)
        outcomes = {position: outcome async for position, outcome in replies}
        return [outcomes[position] for position in range(len(inputs))]

    def batch_as_completed(
        self,
        inputs: Sequence[Candidate],
        config: RunnableConfig | Sequence[RunnableConfig] | None = None,
        *,
        return_exceptions: bool = False,
        **kwargs: Any,
    ) -> Iterator[tuple[int, Any]]:
        """Yield (position, verdict) batch by batch; leaving the loop early drops what has not started."""
        positions = {future: position for position, future in enumerate(self.submit(inputs))}
        try:
            for future in as_completed(positions):
                yield positions[future], _outcome(future, return_exceptions)
        finally:
            _cancel(positions)

    async def abatch_as_completed(
        self,
        inputs: Sequence[Candidate],
        config: RunnableConfig | Sequence[RunnableConfig] | None = None,
        *,
        return_exceptions: bool = False,
        **kwargs: Any,
    ) -> AsyncIterator[tuple[int, Any]]:
        """Yield (position, verdict) batch by batch; leaving the loop early drops what has not started."""
        positions = {asyncio.wrap_future(future): at for at, future in enumerate(self.submit(inputs))}
        try:
            while positions:
                done, _ = await asyncio.wait(positions, return_when=asyncio.FIRST_COMPLETED)
                for future in done:
                    yield positions.pop(future), _outcome(future, return_exceptions)
        finally:
            _cancel(positions)


def _outcome(future: Future[Verdict] | asyncio.Future[Verdict], return_exceptions: bool) -> Any:
    error = future.exception()
    if error is None:
        return future.result()
    if return_exceptions:
        return error
    raise error


def _cancel(futures: Iterable[Future[Verdict] | asyncio.Future[Verdict]]) -> None:
    """Cancel what is not done; a failure that nobody will read is marked as read."""
    for future in futures:
        if not future.cancel() and not future.cancelled():
            future.exception()
