"""Workers side by side: the first error stops them all, and none is left behind."""

import asyncio
from collections.abc import Coroutine, Iterable
from typing import Any

from its_graph.errors import ConfigurationError

__all__ = ["require_concurrency", "run_workers"]


def require_concurrency(concurrency: int) -> None:
    """Refuse a concurrency below 1."""
    if concurrency < 1:
        raise ConfigurationError(f"An evaluation needs a concurrency of at least 1. Given: {concurrency}.")


async def run_workers(workers: Iterable[Coroutine[Any, Any, None]]) -> None:
    """Run all workers to their end; where one fails, or this is cancelled, all are."""
    tasks = [asyncio.create_task(one) for one in workers]
    try:
        await asyncio.gather(*tasks)
    finally:
        for one in tasks:
            one.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
