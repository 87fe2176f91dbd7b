"""The ways to call a runnable: order, failures, cancellation, prefetched requests."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from concurrent.futures import Future
from typing import Any

import pytest
from langchain_core.runnables import RunnableConfig

from its_graph.batching.runnables import BatchRunnable, PrefetchRunnable
from its_graph.contracts import (
    Candidate,
    Comparison,
    Generator,
    Judge,
    Opinion,
    Sample,
    SampleRequest,
    Verdict,
    Verifier,
)

MESSAGES = ({"role": "user", "content": "?"},)


# --- one request per call --------------------------------------------------------------------------------------------


class Watched:
    """Records which calls start and which are cancelled; replies once `go` is set."""

    def __init__(self, fails: bool = False) -> None:
        self.started: list[Any] = []
        self.cancelled = 0
        self.in_flight = 0
        self.max_in_flight = 0
        self.go = asyncio.Event()
        self.fails = fails

    async def wait(self, config: RunnableConfig | None) -> None:
        self.started.append((config or {}).get("run_name"))
        if self.fails and len(self.started) == 2:
            raise ConnectionError("lost")
        self.in_flight += 1
        self.max_in_flight = max(self.max_in_flight, self.in_flight)
        try:
            await self.go.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        finally:
            self.in_flight -= 1


class WatchedGenerator(Watched, Generator):
    def invoke(self, input: SampleRequest, config: RunnableConfig | None = None, **kwargs: Any) -> list[Sample]:
        return [Sample(text=str(input.max_tokens), finish_reason="end")]

    async def ainvoke(self, input: SampleRequest, config: RunnableConfig | None = None, **kwargs: Any) -> list[Sample]:
        await self.wait(config)
        return self.invoke(input)

    def prompt_tokens(self, request: SampleRequest) -> int:
        return 0


class WatchedVerifier(Watched, Verifier):
    def invoke(self, input: Candidate, config: RunnableConfig | None = None, **kwargs: Any) -> Verdict:
        return Verdict(scores=(), value=None)

    async def ainvoke(self, input: Candidate, config: RunnableConfig | None = None, **kwargs: Any) -> Verdict:
        await self.wait(config)
        return self.invoke(input)

    def tokens(self, candidate: Candidate) -> int:
        return 0


class WatchedJudge(Watched, Judge):
    def invoke(self, input: Comparison, config: RunnableConfig | None = None, **kwargs: Any) -> Opinion:
        return Opinion(scores=())

    async def ainvoke(self, input: Comparison, config: RunnableConfig | None = None, **kwargs: Any) -> Opinion:
        await self.wait(config)
        return self.invoke(input)

    def tokens(self, comparison: Comparison) -> int:
        return 0


ALL: list[tuple[type[Any], Any]] = [
    (WatchedGenerator, SampleRequest(messages=MESSAGES)),
    (WatchedVerifier, Candidate(messages=MESSAGES, steps=())),
    (WatchedJudge, Comparison(messages=MESSAGES, texts=("a", "b"))),
]


async def abatch(model: Any, *arguments: Any, **options: Any) -> Any:
    return await model.abatch(*arguments, **options)


async def as_completed(model: Any, *arguments: Any, **options: Any) -> Any:
    return [reply async for _, reply in model.abatch_as_completed(*arguments, **options)]


async def wait_until(condition: Callable[[], bool]) -> None:
    while not condition():
        await asyncio.sleep(0)


async def let_tasks_run() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


@pytest.mark.parametrize("call", [abatch, as_completed])
@pytest.mark.parametrize(("kind", "request_"), ALL)
async def test_cancelling_ends_the_calls_and_starts_no_other(
    kind: type[Any], request_: Any, call: Callable[..., Awaitable[Any]]
) -> None:
    model = kind()
    task = asyncio.ensure_future(call(model, [request_] * 8, {"max_concurrency": 2}))
    await wait_until(lambda: model.in_flight == 2)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    model.go.set()
    await let_tasks_run()
    assert (len(model.started), model.cancelled, model.in_flight) == (2, 2, 0)


@pytest.mark.parametrize("call", [abatch, as_completed])
async def test_a_failure_ends_the_other_calls(call: Callable[..., Awaitable[Any]]) -> None:
    model = WatchedGenerator(fails=True)
    with pytest.raises(ConnectionError, match="lost"):
        await call(model, [ALL[0][1]] * 4)
    await let_tasks_run()
    assert (len(model.started), model.cancelled) == (4, 3)


async def test_leaving_the_loop_ends_the_other_calls() -> None:
    model = WatchedGenerator(fails=True)
    async for position, reply in model.abatch_as_completed([ALL[0][1]] * 4, return_exceptions=True):
        assert (position, type(reply)) == (1, ConnectionError)
        break
    await let_tasks_run()
    assert model.cancelled == 3


async def test_max_concurrency_limits_the_calls_in_flight() -> None:
    for limit, max_in_flight in ((2, 2), (None, 5)):
        model = WatchedGenerator()
        model.go.set()
        requests = [SampleRequest(messages=MESSAGES, max_tokens=number) for number in range(1, 6)]
        replies = await model.abatch(requests, {"max_concurrency": limit} if limit else None)
        assert [reply[0].text for reply in replies] == ["1", "2", "3", "4", "5"]
        assert model.max_in_flight <= max_in_flight


async def test_each_call_gets_its_own_config() -> None:
    model = WatchedGenerator()
    model.go.set()
    await model.abatch([ALL[0][1]] * 2, [{"run_name": "a"}, {"run_name": "b"}])
    assert model.started == ["a", "b"]
    assert await model.abatch([]) == []


async def test_failures_are_returned_in_place_of_their_replies() -> None:
    model = WatchedGenerator(fails=True)
    model.go.set()
    replies = await model.abatch([ALL[0][1]] * 3, return_exceptions=True)
    assert [type(reply) for reply in replies] == [list, ConnectionError, list]


# --- one batch per call ----------------------------------------------------------------------------------------------


class Doubler(BatchRunnable[int, int]):
    """Doubles numbers, the last one first; records its batches."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []

    def batch_as_completed(
        self, inputs: Sequence[int], config: Any = None, *, return_exceptions: bool = False, **kwargs: Any
    ) -> Iterator[tuple[int, Any]]:
        self.batches.append(list(inputs))
        yield from reversed([(index, 2 * number) for index, number in enumerate(inputs)])

    async def abatch_as_completed(
        self, inputs: Sequence[int], config: Any = None, *, return_exceptions: bool = False, **kwargs: Any
    ) -> Any:
        for reply in self.batch_as_completed(inputs):
            yield reply


async def test_a_runnable_that_implements_batches_has_the_other_methods() -> None:
    doubler = Doubler()
    assert doubler.batch([1, 2, 3]) == await doubler.abatch([1, 2, 3]) == [2, 4, 6]
    assert doubler.invoke(4) == await doubler.ainvoke(4) == 8
    assert doubler.batches == [[1, 2, 3], [1, 2, 3], [4], [4]]


async def test_a_runnable_that_implements_invoke_has_the_other_methods() -> None:
    class Square(BatchRunnable[int, int]):
        def invoke(self, input: int, config: RunnableConfig | None = None, **kwargs: Any) -> int:
            if input < 0:
                raise ValueError("negative")
            return input * input

    square = Square()
    assert square.batch([1, 2, 3]) == await square.abatch([1, 2, 3]) == [1, 4, 9]
    assert dict(square.batch_as_completed([1, 2, 3])) == {0: 1, 1: 4, 2: 9}
    assert await square.ainvoke(4) == 16
    for numbers in ([-1], [1, -1]):
        assert isinstance(square.batch(numbers, return_exceptions=True)[-1], ValueError)
        with pytest.raises(ValueError, match="negative"):
            square.batch(numbers)


async def test_a_runnable_that_implements_nothing_says_what_is_missing() -> None:
    class Nothing(BatchRunnable[int, int]):
        pass

    missing = "Nothing must implement invoke, or both batch_as_completed and abatch_as_completed"
    with pytest.raises(TypeError, match=missing):
        Nothing().invoke(1)
    with pytest.raises(TypeError, match=missing):
        await Nothing().ainvoke(1)


# --- prefetched requests ---------------------------------------------------------------------------------------------


class Counting(PrefetchRunnable[Candidate, str]):
    """Replies with the first step; records what it started."""

    def __init__(self) -> None:
        self.started: list[Candidate] = []

    def start(self, inputs: Sequence[Candidate]) -> list[Future[str]]:
        self.started += inputs
        futures: list[Future[str]] = [Future() for _ in inputs]
        for future, candidate in zip(futures, inputs, strict=True):
            future.set_result(candidate.steps[0])
        return futures


def numbered(number: int, *, finished: bool = False) -> Candidate:
    return Candidate(messages=({"role": "user", "content": "q"},), steps=(f"step {number}",), finished=finished)


async def test_a_prefetched_request_is_not_started_again() -> None:
    runnable = Counting()
    runnable.prefetch(numbered(1))
    runnable.prefetch(numbered(1))
    assert runnable.batch([numbered(2), numbered(1), numbered(3)]) == ["step 2", "step 1", "step 3"]
    assert runnable.started == [numbered(1), numbered(2), numbered(3)]
    runnable.prefetch(numbered(4))
    assert await runnable.ainvoke(numbered(4)) == "step 4"
    assert runnable.started[3:] == [numbered(4)]


def test_a_reply_is_handed_out_once_and_to_an_equal_request_only() -> None:
    runnable = Counting()
    runnable.prefetch(numbered(1))
    runnable.invoke(numbered(1, finished=True))
    runnable.invoke(numbered(1))
    runnable.invoke(numbered(1))
    assert runnable.started == [numbered(1), numbered(1, finished=True), numbered(1)]


def test_the_oldest_prefetched_requests_are_dropped() -> None:
    runnable = Counting()
    for number in range(1100):
        runnable.prefetch(numbered(number))
    runnable.invoke(numbered(0))
    assert len(runnable.started) == 1101
    runnable.invoke(numbered(1099))
    assert len(runnable.started) == 1101
    runnable.drop_prefetched()
    runnable.invoke(numbered(1098))
    assert len(runnable.started) == 1102
