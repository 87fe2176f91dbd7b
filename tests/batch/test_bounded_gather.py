"""Coroutines with bounded concurrency."""

import asyncio
from collections.abc import Coroutine, Iterator
from contextlib import aclosing
from typing import Any

import pytest

from its_graph.batch.bounded_gather import bounded_gather


async def test_results_arrive_as_jobs_complete_within_the_concurrency() -> None:
    gates = [asyncio.Event() for _ in range(4)]
    running: list[int] = []

    async def job(number: int) -> int:
        running.append(number)
        await gates[number].wait()
        running.remove(number)
        return number

    async with aclosing(bounded_gather(map(job, range(4)), 2)) as results:
        gates[1].set()
        assert await anext(results) == 1
        assert running == [0]
        gates[2].set()
        assert await anext(results) == 2
        gates[0].set()
        gates[3].set()
        assert sorted([await anext(results), await anext(results)]) == [0, 3]
        with pytest.raises(StopAsyncIteration):
            await anext(results)


async def test_an_error_cancels_all_jobs_and_starts_no_more() -> None:
    cancelled: list[str] = []
    taken: list[int] = []

    async def fail() -> None:
        raise KeyError("a")

    async def wait() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.append("cancelled")

    def jobs() -> Iterator[Coroutine[Any, Any, None]]:
        for number, job in enumerate((wait, fail, fail, wait)):
            taken.append(number)
            yield job()

    with pytest.raises(KeyError):
        await anext(bounded_gather(jobs(), 3))
    assert (cancelled, taken) == (["cancelled"], [0, 1, 2])
