"""An event loop in a thread of its own: coroutines in, futures out, whoever asks and however."""

import asyncio
import atexit
from collections.abc import Coroutine
from concurrent.futures import Future
from threading import Lock, Thread
from typing import Any, TypeVar
from weakref import WeakSet

__all__ = ["LoopThread"]

Result = TypeVar("Result")


class LoopThread:
    """Runs coroutines for sync and async callers alike; its thread starts with the first of them.

    One client, one connection pool and one implementation then serve `invoke` in any thread and `ainvoke` in any loop.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._lock = Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: Thread | None = None
        self._closed = False
        _open_loops.add(self)

    def submit(self, coroutine: Coroutine[Any, Any, Result]) -> "Future[Result]":
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

    def close(self, last: Coroutine[Any, Any, None] | None = None) -> None:
        """Cancel what runs, run `last`, end the thread. Closing twice is harmless."""
        with self._lock:
            already, self._closed = self._closed, True
            loop, thread = self._loop, self._thread
        if already or loop is None or thread is None:
            if last is not None:
                last.close()
            return
        asyncio.run_coroutine_threadsafe(_end(last), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _end(last: Coroutine[Any, Any, None] | None) -> None:
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
    if last is not None:
        await last


_open_loops: "WeakSet[LoopThread]" = WeakSet()


@atexit.register
def _close_all() -> None:
    for loop in list(_open_loops):
        loop.close()
