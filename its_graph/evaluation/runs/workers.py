"""Concurrent workers: the first error stops all of them, and none outlives the call."""

import asyncio
from collections.abc import Coroutine, Iterable
from typing import Any

from its_graph.errors import ConfigurationError

__all__ = ["require_concurrency", "run_workers"]


def require_concurrency(concurrency: int) -> None:
    """Raise a `ConfigurationError` for a concurrency below 1."""
    if concurrency < 1:
        raise ConfigurationError(f"concurrency must be >= 1; got {concurrency}.")


async def run_workers(workers: Iterable[Coroutine[Any, Any, None]]) -> None:
    """Run all workers to completion. If one fails, or the call is cancelled, cancel all."""
    tasks = [asyncio.create_task(worker) for worker in workers]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
