"""Micro-batching: jobs that arrive while a batch is running form the next batch.

One worker thread owns the model. It waits briefly for callers that start together (tasks of one event loop, threads of
one pool), takes as many jobs as a batch may hold, runs them, and delivers each result as soon as it is ready.
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


class _Submission(Generic[_Result]):
    """The jobs of one `submit`: its future is set once, with all results or with the first failure."""

    def __init__(self, future: Future[list[_Result]], size: int) -> None:
        self.future = future
        self._results: list[_Result | None] = [None] * size
        self._missing = size
        self._done = False

    @property
    def pending(self) -> bool:
        return not (self._done or self.future.cancelled())

    def deliver(self, index: int, result: _Result) -> None:
        self._results[index] = result
        self._missing -= 1
        if self._missing == 0 and self._may_set():
            self.future.set_result(cast(list[_Result], self._results))

    def fail(self, error: Exception) -> None:
        if self._may_set():
            self.future.set_exception(error)

    def _may_set(self) -> bool:
        """Return True once, and only if the caller has not cancelled the future."""
        if self._done:
            return False
        self._done = True
        return self.future.set_running_or_notify_cancel()


@dataclass(frozen=True)
class _QueuedJob(Generic[_Job, _Result]):
    job: _Job
    submission: _Submission[_Result]
    index: int


class MicroBatcher(Generic[_Job, _Result]):
    """Merges concurrent jobs into batches of at most `max_batch`, which run one after the other.

    Args:
        run: Processes a list of jobs and calls `done(index, result)` for each, in any order (see `all_at_once`). An
            exception it raises fails only the callers of that batch.
        max_batch: Maximum number of jobs in one batch.
        too_large: Exception type that means "out of memory": such a batch runs again in two halves.
        name: Name of the worker thread.
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
        self._queue: deque[_QueuedJob[_Job, _Result]] = deque()
        self._changed = Condition()
        self._worker: Thread | None = None
        self._closed = False
        _open_batchers.add(self)

    @property
    def closed(self) -> bool:
        """Whether `close` was called; a long `run` checks this to end early."""
        return self._closed

    def submit(self, jobs: Sequence[_Job], future: Future[list[_Result]]) -> None:
        """Queue `jobs`; `future` gets their results in order, or the first failure.

        Cancelling the future drops those of its jobs that have not started.

        Raises:
            RuntimeError: The batcher is closed.
        """
        submission = _Submission(future, len(jobs))
        queued = [_QueuedJob(job, submission, index) for index, job in enumerate(jobs)]
        with self._changed:
            if self._closed:
                raise self._closed_error()
            self._queue.extend(queued)
            if self._worker is None:
                self._worker = Thread(target=self._work, name=self._name, daemon=True)
                self._worker.start()
            self._changed.notify()

    @contextmanager
    def hold(self) -> Iterator[None]:
        """Start no batch inside this context: the jobs submitted in it share batches, however slowly they arrive."""
        with self._changed:  # reentrant: `submit` acquires it again
            yield

    def close(self) -> None:
        """End the worker thread. Unfinished jobs fail with RuntimeError. May be called more than once."""
        with self._changed:
            self._closed = True
            self._changed.notify()
            worker = self._worker
        if worker is not None and worker is not current_thread():
            worker.join()

    def _work(self) -> None:
        while batch := self._collect():
            self._process(batch)

    def _collect(self) -> list[_QueuedJob[_Job, _Result]]:
        """Wait for jobs and return the next batch; an empty batch ends the worker."""
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._queue or self._closed, timeout=WORKER_IDLE_S)
                if self._closed:
                    self._fail(list(self._queue), self._closed_error())
                if self._closed or not self._queue:
                    self._worker = None
                    return []
            self._wait_for_quiet()
            with self._changed:
                if batch := self._take():
                    return batch

    def _wait_for_quiet(self) -> None:
        queued = 0
        while queued < len(self._queue) < self._max_batch and not self._closed:
            queued = len(self._queue)
            time.sleep(QUIET_S)

    def _take(self) -> list[_QueuedJob[_Job, _Result]]:
        batch: list[_QueuedJob[_Job, _Result]] = []
        while self._queue and len(batch) < self._max_batch:
            queued = self._queue.popleft()
            if queued.submission.pending:
                batch.append(queued)
        return batch

    def _process(self, batch: list[_QueuedJob[_Job, _Result]]) -> None:
        waiting = dict(enumerate(batch))

        def done(index: int, result: _Result) -> None:
            queued = waiting.pop(index)
            if self._closed:
                queued.submission.fail(self._closed_error())
            else:
                queued.submission.deliver(queued.index, result)

        try:
            self._run([queued.job for queued in batch], done)
        except self._too_large as error:
            if len(batch) == 1:
                self._fail(batch, error)
                return
        except Exception as error:  # noqa: BLE001 - any failure belongs to the callers of this batch
            self._fail(list(waiting.values()), error)
            return
        else:
            self._fail(list(waiting.values()), RuntimeError(f"{self._name} returned no result for this job"))
            return
        # Outside the handler the exception's frames are gone, and with them the tensors of the failed batch.
        remaining = list(waiting.values())
        half = (len(remaining) + 1) // 2
        for part in filter(None, (remaining[:half], remaining[half:])):
            self._process(part)

    @staticmethod
    def _fail(batch: list[_QueuedJob[_Job, _Result]], error: Exception) -> None:
        for queued in batch:
            queued.submission.fail(error)

    def _closed_error(self) -> RuntimeError:
        return RuntimeError(f"{self._name} was closed before this job finished. Create a new one.")


def all_at_once(
    work: Callable[[list[_Job]], list[_Result]],
) -> Callable[[list[_Job], Callable[[int, _Result], None]], None]:
    """Return a `run` for `MicroBatcher` from a function that returns all results at its end, in order."""

    def run(jobs: list[_Job], done: Callable[[int, _Result], None]) -> None:
        for index, result in enumerate(work(jobs)):
            done(index, result)

    return run


_open_batchers: WeakSet[MicroBatcher[Any, Any]] = WeakSet()


@atexit.register
def _close_all() -> None:
    """Stop workers before the interpreter shuts down: a daemon thread inside a kernel may abort it."""
    for batcher in list(_open_batchers):
        batcher.close()
