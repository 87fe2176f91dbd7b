"""An event loop in a thread of its own, for sync callers of asynchronous code; and what belongs to a loop."""

import asyncio
import atexit
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine
from concurrent.futures import Future
from threading import Lock, Thread
from typing import Any, Generic, TypeVar
from weakref import WeakKeyDictionary, WeakSet

__all__ = ["LoopThread", "PerLoop"]

_Resource = TypeVar("_Resource")
_Result = TypeVar("_Result")


class LoopThread:
    """Runs coroutines for callers without a loop; its thread starts with the first of them."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._lock = Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: Thread | None = None
        self._closed = False
        _open_loops.add(self)

    def submit(self, coroutine: Coroutine[Any, Any, _Result]) -> "Future[_Result]":
        """Start a coroutine. Cancelling the future cancels it where it waits.

        Raises:
            RuntimeError: after `close`.
        """
        with self._lock:
            if self._closed:
                coroutine.close()
                raise RuntimeError(f"{self._name} was closed; create a new one to go on")
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                self._thread = Thread(target=self._loop.run_forever, name=self._name, daemon=True)
                self._thread.start()
            return asyncio.run_coroutine_threadsafe(coroutine, self._loop)

    def close(self) -> None:
        """Cancel what runs, close what the loop holds, end the thread. Closing twice is harmless."""
        with self._lock:
            already, self._closed = self._closed, True
            loop, thread = self._loop, self._thread
        if already or loop is None or thread is None:
            return
        asyncio.run_coroutine_threadsafe(_end(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _end() -> None:
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
    await asyncio.get_running_loop().shutdown_asyncgens()


class PerLoop(Generic[_Resource]):
    """A resource that belongs to an event loop, such as a connection pool: one for each loop that asks for it.

    It is closed when its loop ends: every way to run a loop shuts the loop's asynchronous generators down.

    Args:
        make: makes the resource, inside the loop.
        close: closes it, there as well.
    """

    def __init__(self, make: Callable[[], _Resource], close: Callable[[_Resource], Awaitable[None]]) -> None:
        self._make, self._close = make, close
        self._known: WeakKeyDictionary[asyncio.AbstractEventLoop, tuple[_Resource, Any]] = WeakKeyDictionary()

    async def get(self) -> _Resource:
        """Return the running loop's own."""
        loop = asyncio.get_running_loop()
        if loop not in self._known:
            keeper = self._kept(loop)
            self._known[loop] = await anext(keeper), keeper  # nothing is awaited before the first yield: no race
        return self._known[loop][0]

    async def _kept(self, loop: asyncio.AbstractEventLoop) -> AsyncGenerator[_Resource, None]:
        resource = self._make()
        try:
            yield resource
        finally:
            self._known.pop(loop, None)
            await self._close(resource)


_open_loops: "WeakSet[LoopThread]" = WeakSet()


@atexit.register
def _close_all() -> None:
    for loop in list(_open_loops):
        loop.close()
