"""A cache of samples and verdicts for all searches of the same problem.

A request contains its seed, which derives from the seed of the search and the record's id. So the first n samples of a
search of 16 are the samples of a search of n, whichever strategy requests them. A request that was answered before has
the same reply, down to its token counts, and a search that gets it from the cache finds, chooses and pays exactly what
it would alone; only its wall time is shorter. Strategies need not support this: their requests decide.

Requests without a seed, and those with a deadline (its seconds differ between runs), always reach the model.
"""

from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any, TypeVar

from langchain_core.runnables import Runnable, RunnableConfig

from its_graph.batching.runnables import BatchRunnable, deliver
from its_graph.contracts import Candidate, Generator, Sample, SampleRequest, Verdict, Verifier
from its_graph.generators.cassette_attributes import dump_attributes, load_attributes
from its_graph.generators.cassette_requests import replies_vary, request_key

__all__ = ["CachedGenerator", "CachedVerifier"]

_Request = TypeVar("_Request", bound=SampleRequest | Candidate)
_Reply = TypeVar("_Reply")


class _ReplyCache(BatchRunnable[_Request, _Reply]):
    """Calls the model once per distinct request until the cache is cleared. Failures are not cached."""

    _inner: Runnable[_Request, _Reply]

    def __init__(self, inner: Generator | Verifier) -> None:
        vars(self).update(load_attributes(dump_attributes(inner)), _inner=inner)
        self.hits = 0
        """Requests answered from the cache so far."""
        self._replies: dict[str, _Reply] = {}

    def clear(self) -> None:
        """Drop all replies, before the next problem."""
        self._replies.clear()

    def batch_as_completed(
        self,
        inputs: Sequence[_Request],
        config: RunnableConfig | Sequence[RunnableConfig] | None = None,
        *,
        return_exceptions: bool = False,
        **kwargs: Any,
    ) -> Iterator[tuple[int, Any]]:
        """Yield cached replies, then those of the model as they arrive."""
        cached, missing = self._look_up(inputs)
        yield from cached
        requests = [inputs[index] for index in missing]
        for position, reply in self._inner.batch_as_completed(requests, config, return_exceptions=True, **kwargs):
            self._store(requests[position], reply)
            yield missing[position], deliver(reply, return_exceptions)

    async def abatch_as_completed(
        self,
        inputs: Sequence[_Request],
        config: RunnableConfig | Sequence[RunnableConfig] | None = None,
        *,
        return_exceptions: bool = False,
        **kwargs: Any,
    ) -> AsyncIterator[tuple[int, Any]]:
        """Yield cached replies, then those of the model as they arrive."""
        cached, missing = self._look_up(inputs)
        for indexed_reply in cached:
            yield indexed_reply
        requests = [inputs[index] for index in missing]
        replies = self._inner.abatch_as_completed(requests, config, return_exceptions=True, **kwargs)
        async for position, reply in replies:
            self._store(requests[position], reply)
            yield missing[position], deliver(reply, return_exceptions)

    def is_cached(self, request: _Request) -> bool:
        """Return whether the cache holds the reply to `request`."""
        return _is_reproducible(request) and request_key(request) in self._replies

    def _look_up(self, inputs: Sequence[_Request]) -> tuple[list[tuple[int, _Reply]], list[int]]:
        """Return the cached replies by index, and the indices of the requests without one."""
        keys = [request_key(request) if _is_reproducible(request) else "" for request in inputs]
        cached = [(index, self._replies[key]) for index, key in enumerate(keys) if key in self._replies]
        self.hits += len(cached)
        return cached, [index for index, key in enumerate(keys) if key not in self._replies]

    def _store(self, request: _Request, reply: _Reply | Exception) -> None:
        if _is_reproducible(request) and not isinstance(reply, Exception):
            self._replies[request_key(request)] = reply


class CachedGenerator(_ReplyCache[SampleRequest, list[Sample]], Generator):
    """A generator that draws each sample of a problem once."""

    _inner: Generator

    def __init__(self, inner: Generator) -> None:
        super().__init__(inner)
        # Learned difficulty checks whether a generator has this method, so it must exist only if the inner one has it.
        if (embed := getattr(inner, "embed", None)) is not None:
            self.embed = embed

    def prompt_tokens(self, request: SampleRequest) -> int:
        """Return the count of the inner generator."""
        return self._inner.prompt_tokens(request)

    def parameters_of(self, request: SampleRequest) -> int:
        """Return the parameters of the model that answers."""
        return self._inner.parameters_of(request)


class CachedVerifier(_ReplyCache[Candidate, Verdict], Verifier):
    """A verifier that scores each solution of a problem once."""

    _inner: Verifier

    def tokens(self, candidate: Candidate) -> int:
        """Return the count of the inner verifier."""
        return self._inner.tokens(candidate)

    def prefetch(self, candidate: Candidate, /) -> None:
        """Start scoring a candidate that is not cached."""
        if not self.is_cached(candidate):
            self._inner.prefetch(candidate)


def _is_reproducible(request: SampleRequest | Candidate) -> bool:
    """Return whether the request has the same reply every time."""
    if isinstance(request, Candidate):
        return True
    return not replies_vary(request) and request.timeout_s is None
