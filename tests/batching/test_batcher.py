"""How jobs are merged, fail and are cancelled, with a plain function in place of a model."""

import gc
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import Future

import pytest

from its_graph.batching import batcher as batcher_module
from its_graph.batching.batcher import MicroBatcher, all_at_once


class Recorder:
    """Doubles numbers and records its batches; can be paused; refuses negative numbers and batches beyond a size."""

    def __init__(self, memory: int = 1000) -> None:
        self.batches: list[list[int]] = []
        self.memory = memory
        self.started = threading.Event()
        self.may_go = threading.Event()
        self.may_go.set()

    def __call__(self, jobs: list[int]) -> list[int]:
        self.batches.append(jobs)
        self.started.set()
        assert self.may_go.wait(5)
        if len(jobs) > self.memory:
            raise MemoryError("too many")
        if min(jobs) < 0:
            raise ValueError("negative")
        return [2 * job for job in jobs]


def start(batcher: MicroBatcher[int, int], *jobs: int) -> Future[list[int]]:
    future: Future[list[int]] = Future()
    batcher.submit(jobs, future)
    return future


@pytest.fixture
def run() -> Recorder:
    return Recorder()


@pytest.fixture
def batcher(run: Recorder) -> Iterator[MicroBatcher[int, int]]:
    batcher = MicroBatcher(all_at_once(run), max_batch=4)
    yield batcher
    run.may_go.set()
    batcher.close()


def test_jobs_that_arrive_together_share_a_batch(
    batcher: MicroBatcher[int, int], run: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batcher_module, "QUIET_S", 0.5)
    futures = [start(batcher, job) for job in range(3)]
    assert [future.result(5) for future in futures] == [[0], [2], [4]]
    assert run.batches == [[0, 1, 2]]


def test_held_jobs_share_batches_however_slowly_they_arrive(batcher: MicroBatcher[int, int], run: Recorder) -> None:
    with batcher.hold():
        futures = []
        for job in range(6):
            futures.append(start(batcher, job))
            time.sleep(0.02)
    assert [future.result(5) for future in futures] == [[2 * job] for job in range(6)]
    assert run.batches == [[0, 1, 2, 3], [4, 5]]


def test_a_batch_waits_for_more_jobs_unless_it_is_full(run: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batcher_module, "QUIET_S", 1)
    batcher = MicroBatcher(all_at_once(run), max_batch=4)
    futures = []
    for job in (1, 2, 3):
        futures.append(start(batcher, job))
        time.sleep(0.02)
    assert [future.result(5) for future in futures] == [[2], [4], [6]]
    assert run.batches == [[1, 2, 3]]
    monkeypatch.setattr(batcher_module, "QUIET_S", 60)
    assert start(batcher, 1, 2, 3, 4).result(5) == [2, 4, 6, 8]
    batcher.close()


def test_jobs_that_wait_for_a_running_batch_form_the_next_one(batcher: MicroBatcher[int, int], run: Recorder) -> None:
    run.may_go.clear()
    first = start(batcher, 1)
    assert run.started.wait(5)
    rest = [start(batcher, job) for job in (2, 3, 4)]
    run.may_go.set()
    assert [future.result(5) for future in [first, *rest]] == [[2], [4], [6], [8]]
    assert run.batches == [[1], [2, 3, 4]]


def test_no_batch_exceeds_the_limit_and_results_keep_their_order(
    batcher: MicroBatcher[int, int], run: Recorder
) -> None:
    assert start(batcher, *range(10)).result(5) == [2 * job for job in range(10)]
    assert [len(batch) for batch in run.batches] == [4, 4, 2]


def test_a_failed_batch_fails_its_own_callers_only(batcher: MicroBatcher[int, int], run: Recorder) -> None:
    run.may_go.clear()
    bad = start(batcher, -1)
    assert run.started.wait(5)
    good = start(batcher, 1)
    run.may_go.set()
    with pytest.raises(ValueError, match="negative"):
        bad.result(5)
    assert good.result(5) == [2]


def test_out_of_memory_halves_the_batch(batcher: MicroBatcher[int, int], run: Recorder) -> None:
    run.memory = 1
    assert start(batcher, 1, 2, 3, 4).result(5) == [2, 4, 6, 8]
    assert [len(batch) for batch in run.batches] == [4, 2, 1, 1, 2, 1, 1]


def test_out_of_memory_with_one_job_is_that_jobs_error(batcher: MicroBatcher[int, int], run: Recorder) -> None:
    run.memory = 0
    with pytest.raises(MemoryError):
        start(batcher, 1).result(5)
    run.memory = 1
    assert start(batcher, 1).result(5) == [2]


def test_cancelled_jobs_are_dropped_before_they_run(batcher: MicroBatcher[int, int], run: Recorder) -> None:
    run.may_go.clear()
    first = start(batcher, 1)
    assert run.started.wait(5)
    dropped, other = start(batcher, 2, 3), start(batcher, 4)
    assert dropped.cancel()
    run.may_go.set()
    assert (first.result(5), other.result(5)) == ([2], [8])
    assert run.batches == [[1], [4]]


def test_the_rest_of_a_failed_caller_is_dropped(batcher: MicroBatcher[int, int], run: Recorder) -> None:
    with pytest.raises(ValueError, match="negative"):
        start(batcher, -1, *range(9)).result(5)
    assert start(batcher, 1).result(5) == [2]
    assert run.batches[1:] == [[1]]


def test_a_running_job_can_be_cancelled_and_its_result_is_discarded(
    batcher: MicroBatcher[int, int], run: Recorder
) -> None:
    run.may_go.clear()
    future = start(batcher, 1)
    assert run.started.wait(5)
    assert future.cancel()
    run.may_go.set()
    assert start(batcher, 2).result(5) == [4]


def test_close_fails_the_remaining_jobs_and_ends_the_worker(batcher: MicroBatcher[int, int], run: Recorder) -> None:
    run.may_go.clear()
    running = start(batcher, 1)
    assert run.started.wait(5)
    waiting = start(batcher, 2)
    threading.Timer(0.05, run.may_go.set).start()
    batcher.close()
    for future in (running, waiting):
        with pytest.raises(RuntimeError, match="was closed before this job finished"):
            future.result(5)
    with pytest.raises(RuntimeError, match="Create a new one"):
        start(batcher, 3)
    assert run.batches == [[1]]
    batcher.close()
    assert "micro-batcher" not in [thread.name for thread in threading.enumerate()]


def test_an_idle_worker_ends_and_releases_its_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batcher_module, "WORKER_IDLE_S", 0.01)
    run = Recorder()
    batcher = MicroBatcher(all_at_once(run), max_batch=4, name="idle-worker")
    for job in (1, 2):
        run.may_go.clear()
        doubled = start(batcher, job)
        worker = next(thread for thread in threading.enumerate() if thread.name == "idle-worker")
        run.may_go.set()
        assert doubled.result(5) == [2 * job]
        worker.join(5)
        assert not worker.is_alive()
    alive = weakref.ref(run)
    del run, batcher
    gc.collect()
    assert alive() is None


def test_a_result_is_delivered_while_the_rest_of_its_batch_runs() -> None:
    may_end = threading.Event()

    def run(jobs: list[int], done: Callable[[int, int], None]) -> None:
        done(1, -jobs[1])
        may_end.wait(10)
        done(0, -jobs[0])

    batcher = MicroBatcher(run, max_batch=2)
    group: Future[list[int]] = Future()
    with batcher.hold():
        first, second = start(batcher, 1), start(batcher, 2)
    assert second.result(10) == [-2]
    assert not first.done()
    batcher.submit([3, 4], group)
    may_end.set()
    assert first.result(10) == [-1]
    assert group.result(10) == [-3, -4]
    batcher.close()


def test_out_of_memory_reruns_only_jobs_without_a_result() -> None:
    batches: list[list[int]] = []

    def run(jobs: list[int], done: Callable[[int, int], None]) -> None:
        batches.append(jobs)
        done(len(jobs) - 1, -jobs[-1])
        if len(jobs) > 1:
            raise MemoryError

    batcher = MicroBatcher(run, max_batch=4)
    assert start(batcher, 1, 2, 3, 4).result(10) == [-1, -2, -3, -4]
    assert batches == [[1, 2, 3, 4], [1, 2], [1], [3]]
    batcher.close()


def test_a_job_without_a_result_fails_alone() -> None:
    batcher: MicroBatcher[int, int] = MicroBatcher(lambda jobs, done: done(0, 7), max_batch=2, name="forgetful")
    with batcher.hold():
        first, second = start(batcher, 1), start(batcher, 2)
    assert first.result(10) == [7]
    with pytest.raises(RuntimeError, match="forgetful returned no result"):
        second.result(10)
    batcher.close()
