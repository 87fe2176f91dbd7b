"""Every async runnable of the contracts: whoever stops waiting ends the calls, and none starts afterwards."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from langchain_core.runnables import RunnableConfig

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


class Watched:
    """Notes what begins and what is cancelled; answers when it is told to."""

    def __init__(self, fails: bool = False) -> None:
        self.begun: list[Any] = []
        self.cancelled = 0
        self.under_way = 0
        self.most = 0
        self.go = asyncio.Event()
        self.fails = fails

    async def wait(self, config: RunnableConfig | None) -> None:
        self.begun.append((config or {}).get("run_name"))
        if self.fails and len(self.begun) == 2:
            raise ConnectionError("lost")
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        try:
            await self.go.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        finally:
            self.under_way -= 1


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


async def abatch(model: Any, *asked: Any, **options: Any) -> Any:
    return await model.abatch(*asked, **options)


async def one_by_one(model: Any, *asked: Any, **options: Any) -> Any:
    return [reply async for _, reply in model.abatch_as_completed(*asked, **options)]


async def until(true: Callable[[], bool]) -> None:
    while not true():
        await asyncio.sleep(0)


async def a_while() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


@pytest.mark.parametrize("ask", [abatch, one_by_one])
@pytest.mark.parametrize(("kind", "request_"), ALL)
async def test_cancelling_ends_the_calls_and_starts_no_other(
    kind: type[Any], request_: Any, ask: Callable[..., Awaitable[Any]]
) -> None:
    model = kind()
    task = asyncio.ensure_future(ask(model, [request_] * 8, {"max_concurrency": 2}))
    await until(lambda: model.under_way == 2)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    model.go.set()
    await a_while()
    assert (len(model.begun), model.cancelled, model.under_way) == (2, 2, 0)


@pytest.mark.parametrize("ask", [abatch, one_by_one])
async def test_a_failure_ends_the_other_calls(ask: Callable[..., Awaitable[Any]]) -> None:
    model = WatchedGenerator(fails=True)
    with pytest.raises(ConnectionError, match="lost"):
        await ask(model, [ALL[0][1]] * 4)
    await a_while()
    assert (len(model.begun), model.cancelled) == (4, 3)


async def test_leaving_the_loop_ends_the_other_calls() -> None:
    model = WatchedGenerator(fails=True)
    async for position, reply in model.abatch_as_completed([ALL[0][1]] * 4, return_exceptions=True):
        assert (position, type(reply)) == (1, ConnectionError)
        break
    await a_while()
    assert model.cancelled == 3


async def test_as_many_at_once_as_the_config_allows() -> None:
    for limit, most in ((2, 2), (None, 5)):
        model = WatchedGenerator()
        model.go.set()
        requests = [SampleRequest(messages=MESSAGES, max_tokens=number) for number in range(1, 6)]
        replies = await model.abatch(requests, {"max_concurrency": limit} if limit else None)
        assert [reply[0].text for reply in replies] == ["1", "2", "3", "4", "5"]
        assert model.most <= most


async def test_each_call_gets_its_own_config() -> None:
    model = WatchedGenerator()
    model.go.set()
    await model.abatch([ALL[0][1]] * 2, [{"run_name": "a"}, {"run_name": "b"}])
    assert model.begun == ["a", "b"]
    assert await model.abatch([]) == []


async def test_failures_take_their_place() -> None:
    model = WatchedGenerator(fails=True)
    model.go.set()
    replies = await model.abatch([ALL[0][1]] * 3, return_exceptions=True)
    assert [type(reply) for reply in replies] == [list, ConnectionError, list]
