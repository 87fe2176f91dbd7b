"""An event loop in its own thread, for sync callers of asynchronous code, and resources that belong to a loop."""

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
    """Runs coroutines for callers without a loop; its thread starts with the first coroutine."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._lock = Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: Thread | None = None
        self._closed = False
        _open_loops.add(self)

    def submit(self, coroutine: Coroutine[Any, Any, _Result]) -> "Future[_Result]":
        """Start a coroutine. Cancelling the future cancels the coroutine.

        Raises:
            RuntimeError: The loop is closed.
        """
        with self._lock:
            if self._closed:
                coroutine.close()
                raise RuntimeError(f"{self._name} was closed. Create a new one.")
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                self._thread = Thread(target=self._loop.run_forever, name=self._name, daemon=True)
                self._thread.start()
            return asyncio.run_coroutine_threadsafe(coroutine, self._loop)

    def close(self) -> None:
        """Cancel the running coroutines, close the loop's resources, end the thread. May be called more than once."""
        with self._lock:
            was_closed, self._closed = self._closed, True
            loop, thread = self._loop, self._thread
        if was_closed or loop is None or thread is None:
            return
        asyncio.run_coroutine_threadsafe(_shut_down(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _shut_down() -> None:
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await asyncio.get_running_loop().shutdown_asyncgens()


class PerLoop(Generic[_Resource]):
    """A resource that belongs to an event loop, such as a connection pool: one for each loop that uses it.

    It is closed when its loop ends, because every way to run a loop shuts down the loop's asynchronous generators.

    Args:
        create: Creates the resource, inside the loop.
        close: Closes the resource, inside the loop.
    """

    def __init__(self, create: Callable[[], _Resource], close: Callable[[_Resource], Awaitable[None]]) -> None:
        self._create, self._close = create, close
        self._resources: WeakKeyDictionary[asyncio.AbstractEventLoop, tuple[_Resource, Any]] = WeakKeyDictionary()

    async def get(self) -> _Resource:
        """Return the resource of the running loop."""
        loop = asyncio.get_running_loop()
        if loop not in self._resources:
            lifetime = self._hold(loop)
            self._resources[loop] = await anext(lifetime), lifetime  # no await before the first yield: no race
        return self._resources[loop][0]

    async def _hold(self, loop: asyncio.AbstractEventLoop) -> AsyncGenerator[_Resource, None]:
        resource = self._create()
        try:
            yield resource
        finally:
            self._resources.pop(loop, None)
            await self._close(resource)


_open_loops: "WeakSet[LoopThread]" = WeakSet()


@atexit.register
def _close_all() -> None:
    for loop in list(_open_loops):
        loop.close()
