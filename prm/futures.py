"""One `submit` that gives futures, and all ways to call a verifier."""

import asyncio
from abc import abstractmethod
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from concurrent.futures import Future, as_completed
from typing import Any

from langchain_core.runnables import RunnableConfig

from its_graph.contracts import Candidate, Verdict, Verifier
from its_graph.generators.as_completed import AsCompleted

__all__ = ["FutureVerifier"]


class FutureVerifier(AsCompleted[Candidate, Verdict], Verifier):
    """A verifier that answers through futures, however it is asked.

    `max_concurrency` of a config has no meaning here: merging calls is the backend's business.
    """

    @abstractmethod
    def submit(self, candidates: Sequence[Candidate]) -> list[Future[Verdict]]:
        """Start judging; one future per candidate, in order. A candidate that cannot be judged fails alone."""

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
