"""Micro-batching: jobs that arrive while a batch is running form the next batch.

One worker thread owns the model. It waits a moment for callers that start together (tasks of one event loop,
threads of one pool), takes as many jobs as one batch may hold, runs them, and hands out each result when it is there.
"""

import atexit
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Condition, Thread, current_thread
from typing import Any, Generic, TypeVar, cast
from weakref import WeakSet

__all__ = ["MicroBatcher", "all_at_once"]

_Job = TypeVar("_Job")
_Result = TypeVar("_Result")

QUIET_S = 0.002
"""A batch that is not full starts once no job has arrived for this long."""
WORKER_IDLE_S = 5.0
"""An idle worker ends after this long, so that a forgotten batcher can be collected."""


class _Group(Generic[_Result]):
    """The jobs of one caller: its future is set once, by all results or by the first failure."""

    def __init__(self, future: Future[list[_Result]], size: int) -> None:
        self.future = future
        self._results: list[_Result | None] = [None] * size
        self._missing = size
        self._settled = False

    @property
    def open(self) -> bool:
        return not (self._settled or self.future.cancelled())

    def deliver(self, index: int, result: _Result) -> None:
        self._results[index] = result
        self._missing -= 1
        if self._missing == 0 and self._settle():
            self.future.set_result(cast(list[_Result], self._results))

    def fail(self, error: Exception) -> None:
        if self._settle():
            self.future.set_exception(error)

    def _settle(self) -> bool:
        """Return whether the future may be set now: once, and only if the caller has not cancelled it."""
        if self._settled:
            return False
        self._settled = True
        return self.future.set_running_or_notify_cancel()


@dataclass(frozen=True)
class _Ticket(Generic[_Job, _Result]):
    job: _Job
    group: _Group[_Result]
    index: int


class MicroBatcher(Generic[_Job, _Result]):
    """Merge concurrent jobs into batches of at most `max_batch`, run one after the other.

    Args:
        run: works on a list of jobs and calls `done(index, result)` for each when it has its result, in any order (see
            `all_at_once`). What it raises is given to the callers of that batch only.
        max_batch: most jobs in one batch.
        too_large: exceptions that mean "out of memory": such a batch is run again in two halves.
        name: of the worker thread.
    """

    def __init__(
        self,
        run: Callable[[list[_Job], Callable[[int, _Result], None]], None],
        *,
        max_batch: int,
        too_large: type[Exception] = MemoryError,
        name: str = "micro-batcher",
    ) -> None:
        self._run = run
        self._max_batch = max_batch
        self._too_large = too_large
        self._name = name
        self._queue: deque[_Ticket[_Job, _Result]] = deque()
        self._changed = Condition()
        self._worker: Thread | None = None
        self._closed = False
        _open_batchers.add(self)

    @property
    def closed(self) -> bool:
        """Whether `close` was called; a long `run` looks at this to end early."""
        return self._closed

    def submit(self, jobs: Sequence[_Job], future: Future[list[_Result]]) -> None:
        """Queue `jobs`; `future` gets their results in order, or the first failure.

        A cancelled future drops those of its jobs that have not started.

        Raises:
            RuntimeError: after `close`.
        """
        group = _Group(future, len(jobs))
        tickets = [_Ticket(job, group, index) for index, job in enumerate(jobs)]
        with self._changed:
            if self._closed:
                raise self._closed_error()
            self._queue.extend(tickets)
            if self._worker is None:
                self._worker = Thread(target=self._work, name=self._name, daemon=True)
                self._worker.start()
            self._changed.notify()

    @contextmanager
    def together(self) -> Iterator[None]:
        """Begin no batch inside: what is submitted here shares one, as far as it fits, however slowly it comes."""
        with self._changed:  # re-entrant: `submit` takes it again
            yield

    def close(self) -> None:
        """End the worker. Jobs that have not finished fail with RuntimeError. Closing twice is harmless."""
        with self._changed:
            self._closed = True
            self._changed.notify()
            worker = self._worker
        if worker is not None and worker is not current_thread():
            worker.join()

    def _work(self) -> None:
        while batch := self._collect():
            self._process(batch)

    def _collect(self) -> list[_Ticket[_Job, _Result]]:
        """Wait for jobs and return the next batch; an empty one ends the worker."""
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._queue or self._closed, timeout=WORKER_IDLE_S)
                if self._closed:
                    self._fail(list(self._queue), self._closed_error())
                if self._closed or not self._queue:
                    self._worker = None
                    return []
            self._wait_for_company()
            with self._changed:
                if batch := self._take():
                    return batch

    def _wait_for_company(self) -> None:
        seen = 0
        while seen < len(self._queue) < self._max_batch and not self._closed:
            seen = len(self._queue)
            time.sleep(QUIET_S)

    def _take(self) -> list[_Ticket[_Job, _Result]]:
        batch: list[_Ticket[_Job, _Result]] = []
        while self._queue and len(batch) < self._max_batch:
            ticket = self._queue.popleft()
            if ticket.group.open:
                batch.append(ticket)
        return batch

    def _process(self, batch: list[_Ticket[_Job, _Result]]) -> None:
        waiting = dict(enumerate(batch))

        def done(index: int, result: _Result) -> None:
            ticket = waiting.pop(index)
            if self._closed:
                ticket.group.fail(self._closed_error())
            else:
                ticket.group.deliver(ticket.index, result)

        try:
            self._run([ticket.job for ticket in batch], done)
        except self._too_large as error:
            if len(batch) == 1:
                self._fail(batch, error)
                return
        except Exception as error:  # noqa: BLE001 - whatever it is belongs to the callers of this batch
            self._fail(list(waiting.values()), error)
            return
        else:
            self._fail(list(waiting.values()), RuntimeError(f"{self._name} gave no result for this job"))
            return
        # Outside the handler the exception's frames are gone, and with them the tensors of the failed batch.
        left = list(waiting.values())
        half = (len(left) + 1) // 2
        for part in filter(None, (left[:half], left[half:])):
            self._process(part)

    @staticmethod
    def _fail(batch: list[_Ticket[_Job, _Result]], error: Exception) -> None:
        for ticket in batch:
            ticket.group.fail(error)

    def _closed_error(self) -> RuntimeError:
        return RuntimeError(f"{self._name} was closed before this job was done; create a new one to go on")


def all_at_once(
    work: Callable[[list[_Job]], list[_Result]],
) -> Callable[[list[_Job], Callable[[int, _Result], None]], None]:
    """Return the `run` of work whose results all come at its end, in order."""

    def run(jobs: list[_Job], done: Callable[[int, _Result], None]) -> None:
        for index, result in enumerate(work(jobs)):
            done(index, result)

    return run


_open_batchers: WeakSet[MicroBatcher[Any, Any]] = WeakSet()


@atexit.register
def _close_all() -> None:
    """Stop workers while the interpreter is still whole: a daemon thread inside a kernel may abort it."""
    for batcher in list(_open_batchers):
        batcher.close()
