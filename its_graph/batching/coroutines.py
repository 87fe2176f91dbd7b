"""One coroutine a request in, and all ways to call a runnable out.

An async caller's requests run in its own loop: through another thread every reply would wait for that thread's turn.
A sync caller's run in a loop of the runnable's own.
"""

import asyncio
from abc import abstractmethod
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import Future
from functools import cached_property
from types import TracebackType
from typing import Any, Self, TypeVar

from langchain_core.runnables import RunnableConfig

from its_graph.batching.runnables import FutureRunnable, in_order_of_arrival
from its_graph.batching.loop import LoopThread

__all__ = ["CoroutineRunnable"]

_Request = TypeVar("_Request")
_Reply = TypeVar("_Reply")


class CoroutineRunnable(FutureRunnable[_Request, _Reply]):
    """A runnable whose natural form is a coroutine: a client of a server."""

    @abstractmethod
    async def answer(self, request: _Request) -> _Reply:
        """Return the reply to one request. Cancelling it must end the work behind it."""

    def futures(self, inputs: Sequence[_Request]) -> list[Future[_Reply]]:
        """Start the requests in the runnable's own loop."""
        return [self.own_loop.submit(self.answer(request)) for request in inputs]

    async def abatch_as_completed(
        self,
        inputs: Sequence[_Request],
        config: RunnableConfig | Sequence[RunnableConfig] | None = None,
        *,
        return_exceptions: bool = False,
        **kwargs: Any,
    ) -> AsyncIterator[tuple[int, Any]]:
        """Yield (position, reply) as requests are answered; leaving the loop early cancels the rest."""
        tasks = [asyncio.ensure_future(self.answer(request)) for request in inputs]
        async for pair in in_order_of_arrival(tasks, return_exceptions=return_exceptions):
            yield pair

    @cached_property
    def own_loop(self) -> LoopThread:
        """The loop of sync callers."""
        return LoopThread(type(self).__name__)

    def close(self) -> None:
        """End the runnable's own loop; requests that still run there are cancelled."""
        self.own_loop.close()

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Close."""
        self.close()
