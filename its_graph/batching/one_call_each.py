"""A runnable that makes one call for each request: whoever stops waiting for the replies ends the calls.

LangChain's own `abatch_as_completed` and `abatch` leave theirs running, and start those that waited for a place.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Any, TypeVar

from langchain_core.runnables import RunnableConfig
from langchain_core.runnables.config import get_config_list

from its_graph.batching.as_completed import InOrder
from its_graph.batching.runnables import in_order_of_arrival

__all__ = ["OneCallEach"]

_Request = TypeVar("_Request")
_Reply = TypeVar("_Reply")


class OneCallEach(InOrder[_Request, _Reply]):
    """A runnable whose natural form is `ainvoke`, asked many things at once: as many as `max_concurrency` allows."""

    async def abatch_as_completed(
        self,
        inputs: Sequence[_Request],
        config: RunnableConfig | Sequence[RunnableConfig] | None = None,
        *,
        return_exceptions: bool = False,
        **kwargs: Any,
    ) -> AsyncIterator[tuple[int, Any]]:
        """Yield (position, reply) as calls are answered; leaving the loop early cancels the rest."""
        configs = get_config_list(config, len(inputs))
        gate = _gate(configs)

        async def call(request: _Request, config: RunnableConfig) -> _Reply:
            async with gate:
                return await self.ainvoke(request, config, **kwargs)

        tasks = [asyncio.ensure_future(call(*asked)) for asked in zip(inputs, configs, strict=True)]
        async for pair in in_order_of_arrival(tasks, return_exceptions=return_exceptions):
            yield pair


def _gate(configs: Sequence[RunnableConfig]) -> AbstractAsyncContextManager[Any]:
    """Return what each call passes through; the first config speaks for all, as in LangChain."""
    limit = configs[0].get("max_concurrency") if configs else None
    return asyncio.Semaphore(limit) if limit else nullcontext()
