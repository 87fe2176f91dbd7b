"""The base classes of generators, verifiers and judges: a subclass implements one call method and inherits the others.

`BatchRunnable` is the base: one call per request, or one per batch. `FutureRunnable` starts futures, `AsyncRunnable` a
coroutine per request, `PrefetchRunnable` futures that may start before a caller asks for them.

A caller that stops waiting ends the calls it made: LangChain's own `abatch` and `abatch_as_completed` leave theirs
running, and later start those that `max_concurrency` held back.
"""

import asyncio
from abc import abstractmethod
from collections import OrderedDict
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from concurrent.futures import Future, as_completed
from contextlib import nullcontext
from functools import cached_property, partial
from threading import Lock
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

from langchain_core.runnables import Runnable, RunnableConfig
from langchain_core.runnables.config import get_config_list, get_executor_for_config
from pydantic import BaseModel

from its_graph.batching.loop import LoopThread

__all__ = ["AsyncRunnable", "BatchRunnable", "FutureRunnable", "PrefetchRunnable", "deliver"]

_Request = TypeVar("_Request")
_Reply = TypeVar("_Reply")
_Record = TypeVar("_Record", bound=BaseModel)

MAX_PREFETCHED = 1024
"""Replies that wait to be claimed. A search that is stopped never claims its own, so the oldest are dropped."""


def deliver(reply: Any, return_exceptions: bool) -> Any:
    """Return `reply`, or raise it if it is an exception and the caller does not want exceptions returned."""
    if isinstance(reply, BaseException) and not (return_exceptions and isinstance(reply, Exception)):
        raise reply
    return reply


class BatchRunnable(Runnable[_Request, _Reply]):
    """A runnable that implements one request per call, or one batch per call; the other methods follow from it.

    - One request per call: `invoke`, and `ainvoke` if the call is asynchronous. A batch makes at most `max_concurrency`
      calls at a time; the first config decides for all, as in LangChain.
    - One batch per call: `batch_as_completed` and `abatch_as_completed`.

    A subclass may implement both: batches then use the second form, and `invoke` and `ainvoke` the first.
    """

    def invoke(self, input: _Request, config: RunnableConfig | None = None, **kwargs: Any) -> _Reply:
        """Return the reply to one request."""
        reply: _Reply = self.batch([input], config, **kwargs)[0]
        return reply

    async def ainvoke(self, input: _Request, config: RunnableConfig | None = None, **kwargs: Any) -> _Reply:
        """Return the reply to one request."""
        if self._implements_invoke:
            return await super().ainvoke(input, config, **kwargs)  # runs `invoke` in a thread
        reply: _Reply = (await self.abatch([input], config, **kwargs))[0]
        return reply

    def batch(
        self,
        inputs: list[_Request],
        config: RunnableConfig | list[RunnableConfig] | None = None,
        *,
        return_exceptions: bool = False,
        **kwargs: Any,
    ) -> list[Any]:
        """Return the replies in order; the first failure raises, or is returned in place of its reply."""
        replies = dict(self.batch_as_completed(inputs, config, return_exceptions=return_exceptions, **kwargs))
        return [replies[index] for index in range(len(inputs))]

    async def abatch(
        self,
        inputs: list[_Request],
        config: RunnableConfig | list[RunnableConfig] | None = None,
        *,
        return_exceptions: bool = False,
        **kwargs: Any,
    ) -> list[Any]:
        """Return the replies in order; the first failure raises, or is returned in place of its reply."""
        run: Any = self.abatch_as_completed  # LangChain's overloads require a literal `return_exceptions`
        completed = run(inputs, config, return_exceptions=return_exceptions, **kwargs)
        replies = {index: reply async for index, reply in completed}
        return [replies[index] for index in range(len(inputs))]

    def batch_as_completed(
        self,
        inputs: Sequence[_Request],
        config: RunnableConfig | Sequence[RunnableConfig] | None = None,
        *,
        return_exceptions: bool = False,
        **kwargs: Any,
    ) -> Iterator[tuple[int, Any]]:
        """Yield (index, reply) as requests are answered; leaving the loop early cancels calls that have not started."""
        self._require_invoke()
        if len(inputs) < 2:
            call_inline: Any = super().batch_as_completed  # LangChain starts no thread for one request
            yield from call_inline(inputs, config, return_exceptions=return_exceptions, **kwargs)
            return
        configs = get_config_list(config, len(inputs))
        with get_executor_for_config(configs[0]) as threads:
            calls = [
                threads.submit(self.invoke, request, own, **kwargs)
                for request, own in zip(inputs, configs, strict=True)
            ]
            yield from _as_completed(calls, return_exceptions)

    async def abatch_as_completed(
        self,
        inputs: Sequence[_Request],
        config: RunnableConfig | Sequence[RunnableConfig] | None = None,
        *,
        return_exceptions: bool = False,
        **kwargs: Any,
    ) -> AsyncIterator[tuple[int, Any]]:
        """Yield (index, reply) as requests are answered; leaving the loop early cancels the rest."""
        self._require_invoke()
        configs = get_config_list(config, len(inputs))
        limit = configs[0].get("max_concurrency") if configs else None
        semaphore = asyncio.Semaphore(limit) if limit else nullcontext()

        async def call(request: _Request, own: RunnableConfig) -> _Reply:
            async with semaphore:
                return await self.ainvoke(request, own, **kwargs)

        tasks = [asyncio.ensure_future(call(*pair)) for pair in zip(inputs, configs, strict=True)]
        async for pair in _async_as_completed(tasks, return_exceptions):
            yield pair

    @property
    def _implements_invoke(self) -> bool:
        return type(self).invoke is not BatchRunnable.invoke

    def _require_invoke(self) -> None:
        if not self._implements_invoke:
            raise TypeError(
                f"{type(self).__name__} must implement invoke, or both batch_as_completed and abatch_as_completed."
            )


class FutureRunnable(BatchRunnable[_Request, _Reply]):
    """A runnable that answers through futures, however it is called.

    The config's `max_concurrency` has no effect: the backend decides how many requests it works on at a time.
    """

    @abstractmethod
    def futures(self, inputs: Sequence[_Request]) -> list[Future[_Reply]]:
        """Start the requests; return one future each, in order. Never raises: a request that cannot run fails alone."""

    def batch_as_completed(
        self,
        inputs: Sequence[_Request],
        config: RunnableConfig | Sequence[RunnableConfig] | None = None,
        *,
        return_exceptions: bool = False,
        **kwargs: Any,
    ) -> Iterator[tuple[int, Any]]:
        """Yield (index, reply) as requests are answered; leaving the loop early cancels the rest."""
        yield from _as_completed(self.futures(inputs), return_exceptions)

    async def abatch_as_completed(
        self,
        inputs: Sequence[_Request],
        config: RunnableConfig | Sequence[RunnableConfig] | None = None,
        *,
        return_exceptions: bool = False,
        **kwargs: Any,
    ) -> AsyncIterator[tuple[int, Any]]:
        """Yield (index, reply) as requests are answered; leaving the loop early cancels the rest."""
        futures = [asyncio.wrap_future(future) for future in self.futures(inputs)]
        async for pair in _async_as_completed(futures, return_exceptions):
            yield pair


class AsyncRunnable(FutureRunnable[_Request, _Reply]):
    """A runnable that sends each request in a coroutine: a client of a server.

    The requests of an async caller run in that caller's loop: in another thread, every reply would wait for that
    thread's turn. Those of a sync caller run in the runnable's own loop.
    """

    @abstractmethod
    async def send(self, request: _Request) -> _Reply:
        """Return the reply to one request. Cancelling it must end the work it started."""

    def futures(self, inputs: Sequence[_Request]) -> list[Future[_Reply]]:
        """Start the requests in the runnable's own loop."""
        return [self.own_loop.submit(self.send(request)) for request in inputs]

    async def abatch_as_completed(
        self,
        inputs: Sequence[_Request],
        config: RunnableConfig | Sequence[RunnableConfig] | None = None,
        *,
        return_exceptions: bool = False,
        **kwargs: Any,
    ) -> AsyncIterator[tuple[int, Any]]:
        """Yield (index, reply) as requests are answered; leaving the loop early cancels the rest."""
        tasks = [asyncio.ensure_future(self.send(request)) for request in inputs]
        async for pair in _async_as_completed(tasks, return_exceptions):
            yield pair

    @cached_property
    def own_loop(self) -> LoopThread:
        """The loop that serves sync callers."""
        return LoopThread(type(self).__name__)

    def close(self) -> None:
        """End the runnable's own loop; requests that still run there are cancelled."""
        self.own_loop.close()

    def __enter__(self) -> Self:
        """Return the runnable itself."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Close the runnable."""
        self.close()


class PrefetchRunnable(FutureRunnable[_Record, _Reply]):
    """A runnable that can start a request before a caller asks for the reply.

    A search knows what will be verified as soon as a sample ends, one node before it asks for the verdict. A backend
    that learns of it then works while sibling samples are still being generated.
    """

    @abstractmethod
    def start(self, inputs: Sequence[_Record]) -> list[Future[_Reply]]:
        """Start the requests; return one future each, in order. Never raises: a request that cannot run fails alone."""

    def prefetch(self, request: _Record, /) -> None:
        """Start one request, unless an equal one is waiting; the next caller that asks for it gets its reply."""
        key = request.model_dump_json()
        with self._prefetched.lock:
            if key in self._prefetched:
                return
            self._prefetched[key] = self.start([request])[0]
            while len(self._prefetched) > MAX_PREFETCHED:
                self._prefetched.popitem(last=False)[1].cancel()

    def futures(self, inputs: Sequence[_Record]) -> list[Future[_Reply]]:
        """Return the prefetched replies, and start the other requests together."""
        claimed = [self._claim(request) for request in inputs]
        missing = [request for request, future in zip(inputs, claimed, strict=True) if future is None]
        started = iter(self.start(missing) if missing else [])
        return [next(started) if future is None else future for future in claimed]

    def drop_prefetched(self) -> None:
        """Cancel the prefetched requests that no caller asked for: their replies would be out of date."""
        with self._prefetched.lock:
            while self._prefetched:
                self._prefetched.popitem()[1].cancel()

    def _claim(self, request: _Record) -> Future[_Reply] | None:
        if not self._prefetched:
            return None
        with self._prefetched.lock:
            return self._prefetched.pop(request.model_dump_json(), None)

    @cached_property
    def _prefetched(self) -> "_Prefetched[_Reply]":
        return _Prefetched()


class _Prefetched(OrderedDict[str, Future[_Reply]], Generic[_Reply]):
    """Started requests that no caller has asked for yet, oldest first."""

    def __init__(self) -> None:
        super().__init__()
        self.lock = Lock()


def _as_completed(futures: Sequence[Future[Any]], return_exceptions: bool) -> Iterator[tuple[int, Any]]:
    """Yield (index, reply) of each future when it is done; leaving the loop early cancels the rest."""
    indices = {future: index for index, future in enumerate(futures)}
    try:
        for future in as_completed(indices):
            yield indices[future], deliver(_outcome(future), return_exceptions)
    finally:
        _cancel(futures)


async def _async_as_completed(
    futures: Sequence[asyncio.Future[Any]], return_exceptions: bool
) -> AsyncIterator[tuple[int, Any]]:
    """Yield (index, reply) of each future of the running loop when it is done; leaving early cancels the rest."""
    arrived: asyncio.Queue[int] = asyncio.Queue()  # `asyncio.wait` would inspect all futures for each one
    for index, future in enumerate(futures):
        future.add_done_callback(partial(_announce, arrived, index))
    try:
        for _ in futures:
            index = await arrived.get()
            yield index, deliver(_outcome(futures[index]), return_exceptions)
    finally:
        _cancel(futures)


def _announce(arrived: asyncio.Queue[int], index: int, future: asyncio.Future[Any]) -> None:
    arrived.put_nowait(index)


def _outcome(future: Future[Any] | asyncio.Future[Any]) -> Any:
    """Return the result of a finished future, or the exception that it ended with."""
    error = future.exception()
    return future.result() if error is None else error


def _cancel(futures: Iterable[Future[Any] | asyncio.Future[Any]]) -> None:
    """Cancel what is not done; mark as retrieved the failures that no caller will read."""
    for future in futures:
        if not future.cancel() and not future.cancelled() and future.done():
            future.exception()
