"""Run many coroutines with bounded concurrency."""

import asyncio
from collections.abc import AsyncGenerator, Coroutine, Iterable
from itertools import islice
from typing import Any, TypeVar

__all__ = ["bounded_gather"]

_Result = TypeVar("_Result")


async def bounded_gather(jobs: Iterable[Coroutine[Any, Any, _Result]], concurrency: int) -> AsyncGenerator[_Result]:
    """Run `jobs`, at most `concurrency` at a time, and yield each result as its job completes.

    The next job is taken from the iterable only when there is room for it. An error, or closing the generator early,
    cancels the jobs in flight.
    """
    waiting = iter(jobs)
    in_flight: set[asyncio.Task[_Result]] = set()
    try:
        while True:
            in_flight |= {asyncio.create_task(job) for job in islice(waiting, concurrency - len(in_flight))}
            if not in_flight:
                return
            done, _ = await asyncio.wait(in_flight, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                in_flight.discard(task)
                yield task.result()
    finally:
        for task in in_flight:
            task.cancel()
        await asyncio.gather(*in_flight, return_exceptions=True)
