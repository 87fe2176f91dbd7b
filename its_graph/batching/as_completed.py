"""The other four ways to call a runnable, from `batch_as_completed` and `abatch_as_completed`."""

from abc import abstractmethod
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any, TypeVar, cast

from langchain_core.runnables import Runnable, RunnableConfig

__all__ = ["AsCompleted", "InOrder"]

_Request = TypeVar("_Request")
_Reply = TypeVar("_Reply")


class InOrder(Runnable[_Request, _Reply]):
    """A runnable whose `abatch` is its `abatch_as_completed`, put in order: so both end what they began."""

    async def abatch(
        self,
        inputs: list[_Request],
        config: RunnableConfig | list[RunnableConfig] | None = None,
        *,
        return_exceptions: bool = False,
        **kwargs: Any,
    ) -> list[Any]:
        """Return the replies in order; the first failure raises, or each takes its place in the list."""
        ask: Any = self.abatch_as_completed  # LangChain's overloads want to know the flag
        completed = ask(inputs, config, return_exceptions=return_exceptions, **kwargs)
        replies = {position: reply async for position, reply in completed}
        return [replies[position] for position in range(len(inputs))]


class AsCompleted(InOrder[_Request, _Reply]):
    """A runnable whose natural form is many requests at once, answered in any order."""

    @abstractmethod
    def batch_as_completed(
        self,
        inputs: Sequence[_Request],
        config: RunnableConfig | Sequence[RunnableConfig] | None = None,
        *,
        return_exceptions: bool = False,
        **kwargs: Any,
    ) -> Iterator[tuple[int, Any]]:
        """Yield (position, reply) as requests are answered; a failure raises, or is the reply."""

    @abstractmethod
    def abatch_as_completed(
        self,
        inputs: Sequence[_Request],
        config: RunnableConfig | Sequence[RunnableConfig] | None = None,
        *,
        return_exceptions: bool = False,
        **kwargs: Any,
    ) -> AsyncIterator[tuple[int, Any]]:
        """Yield (position, reply) as requests are answered; a failure raises, or is the reply."""

    def invoke(self, input: _Request, config: RunnableConfig | None = None, **kwargs: Any) -> _Reply:
        """Return the reply to one request."""
        return cast(_Reply, self.batch([input], config, **kwargs)[0])

    async def ainvoke(self, input: _Request, config: RunnableConfig | None = None, **kwargs: Any) -> _Reply:
        """Return the reply to one request."""
        return cast(_Reply, (await self.abatch([input], config, **kwargs))[0])

    def batch(
        self,
        inputs: list[_Request],
        config: RunnableConfig | list[RunnableConfig] | None = None,
        *,
        return_exceptions: bool = False,
        **kwargs: Any,
    ) -> list[Any]:
        """Return the replies in order; the first failure raises, or each takes its place in the list."""
        replies = dict(self.batch_as_completed(inputs, config, return_exceptions=return_exceptions, **kwargs))
        return [replies[position] for position in range(len(inputs))]
