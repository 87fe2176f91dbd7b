"""Many coroutines, a few at a time."""

import asyncio
from collections.abc import AsyncGenerator, Coroutine, Iterable
from itertools import islice
from typing import Any, TypeVar

__all__ = ["bounded_gather"]

_Result = TypeVar("_Result")


async def bounded_gather(jobs: Iterable[Coroutine[Any, Any, _Result]], concurrency: int) -> AsyncGenerator[_Result]:
    """Run `jobs`, `concurrency` at a time, and yield each result as it comes.

    The next job is taken only when there is room for it. Whoever leaves early, or an error, cancels what is under way.
    """
    waiting = iter(jobs)
    under_way: set[asyncio.Task[_Result]] = set()
    try:
        while True:
            under_way |= {asyncio.create_task(job) for job in islice(waiting, concurrency - len(under_way))}
            if not under_way:
                return
            done, _ = await asyncio.wait(under_way, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                under_way.discard(task)
                yield task.result()
    finally:
        for task in under_way:
            task.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)
