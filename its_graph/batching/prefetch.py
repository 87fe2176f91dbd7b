"""Requests that are begun before anybody asks for their replies.

A search knows what it will have judged as soon as a sample has ended, a node before it asks for the verdict. A backend
that is told at once works while the siblings are still being sampled; who asks later gets the reply that is under way.
"""

from collections import OrderedDict
from collections.abc import Sequence
from concurrent.futures import Future
from functools import cached_property
from threading import Lock
from typing import Generic, TypeVar

from pydantic import BaseModel

from its_graph.batching.runnables import FutureRunnable

__all__ = ["PrefetchRunnable"]

_Request = TypeVar("_Request", bound=BaseModel)
_Reply = TypeVar("_Reply")

_KEPT = 1024
"""Replies that wait for being asked for; a search that was stopped never asks, so the oldest are dropped."""


class _Begun(OrderedDict[str, Future[_Reply]], Generic[_Reply]):
    """What was begun and not asked for yet, oldest first."""

    def __init__(self) -> None:
        super().__init__()
        self.lock = Lock()


class PrefetchRunnable(FutureRunnable[_Request, _Reply]):
    """A runnable that can begin a request before it is asked: `begin`, and later any of the ways to call it."""

    def start(self, inputs: Sequence[_Request]) -> list[Future[_Reply]]:
        """Start the requests; one future each, in order. Never raises: what cannot run gives a failed future."""
        raise NotImplementedError

    def prefetch(self, request: _Request, /) -> None:
        """Start one request, unless an equal one waits already; the next who asks for it gets its reply."""
        key = request.model_dump_json()
        with self._begun.lock:
            if key in self._begun:
                return
            self._begun[key] = self.start([request])[0]
            while len(self._begun) > _KEPT:
                self._begun.popitem(last=False)[1].cancel()

    def futures(self, inputs: Sequence[_Request]) -> list[Future[_Reply]]:
        """Return the replies that are under way already, and start the other requests together."""
        claimed = [self._claim(request) for request in inputs]
        others = [request for request, future in zip(inputs, claimed, strict=True) if future is None]
        started = iter(self.start(others) if others else [])
        return [next(started) if future is None else future for future in claimed]

    def forget(self) -> None:
        """Drop what was begun and not asked for: it would be out of date."""
        with self._begun.lock:
            while self._begun:
                self._begun.popitem()[1].cancel()

    def _claim(self, request: _Request) -> Future[_Reply] | None:
        if not self._begun:
            return None
        with self._begun.lock:
            return self._begun.pop(request.model_dump_json(), None)

    @cached_property
    def _begun(self) -> _Begun[_Reply]:
        return _Begun()
