"""Samples and verdicts that are drawn once and serve every search of the same problem.

A request names its seed, and the seed hangs on the search's seed and the record's id: the first n samples of a search
of 16 are the samples of a search of n, whatever strategy asks. So a request that was answered before has the same
answer, tokens and all, and a search that gets it from here finds, chooses and pays exactly what it would alone; only
its wall time is shorter. A strategy need not say whether this holds for it: its requests do.

Requests without a seed, and those with a deadline (its seconds differ from run to run), are always asked.
"""

from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any, TypeVar

from langchain_core.runnables import Runnable, RunnableConfig

from its_graph.batching.runnables import BatchRunnable, deliver
from its_graph.contracts import Candidate, Generator, Sample, SampleRequest, Verdict, Verifier
from its_graph.generators.cassette_attributes import dump_attributes, load_attributes
from its_graph.generators.cassette_requests import request_key, replies_vary

__all__ = ["CachedGenerator", "CachedVerifier"]

_Request = TypeVar("_Request", bound=SampleRequest | Candidate)
_Reply = TypeVar("_Reply")


class _Remembering(BatchRunnable[_Request, _Reply]):
    """Asks once, and answers an equal request with the same reply until told to forget. Failures are not kept."""

    _inner: Runnable[_Request, _Reply]

    def __init__(self, inner: Generator | Verifier) -> None:
        vars(self).update(load_attributes(dump_attributes(inner)), _inner=inner)
        self.reused = 0
        """Requests answered from memory so far."""
        self._replies: dict[str, _Reply] = {}

    def forget(self) -> None:
        """Drop all replies: what comes next is another problem."""
        self._replies.clear()

    def batch_as_completed(
        self,
        inputs: Sequence[_Request],
        config: RunnableConfig | Sequence[RunnableConfig] | None = None,
        *,
        return_exceptions: bool = False,
        **kwargs: Any,
    ) -> Iterator[tuple[int, Any]]:
        """Yield what is known, then what has to be asked as it comes."""
        known, asked = self._divide(inputs)
        yield from known
        unknown = [inputs[place] for place in asked]
        for position, reply in self._inner.batch_as_completed(unknown, config, return_exceptions=True, **kwargs):
            self._keep(unknown[position], reply)
            yield asked[position], deliver(reply, return_exceptions)

    async def abatch_as_completed(
        self,
        inputs: Sequence[_Request],
        config: RunnableConfig | Sequence[RunnableConfig] | None = None,
        *,
        return_exceptions: bool = False,
        **kwargs: Any,
    ) -> AsyncIterator[tuple[int, Any]]:
        """Yield what is known, then what has to be asked as it comes."""
        known, asked = self._divide(inputs)
        for one in known:
            yield one
        unknown = [inputs[place] for place in asked]
        replies = self._inner.abatch_as_completed(unknown, config, return_exceptions=True, **kwargs)
        async for position, reply in replies:
            self._keep(unknown[position], reply)
            yield asked[position], deliver(reply, return_exceptions)

    def knows(self, request: _Request) -> bool:
        """Tell whether the reply to `request` is in memory."""
        return _repeats(request) and request_key(request) in self._replies

    def _divide(self, inputs: Sequence[_Request]) -> tuple[list[tuple[int, _Reply]], list[int]]:
        """Return the known replies by place, and the places of the requests that must be asked."""
        keys = [request_key(request) if _repeats(request) else "" for request in inputs]
        known = [(place, self._replies[key]) for place, key in enumerate(keys) if key in self._replies]
        self.reused += len(known)
        return known, [place for place, key in enumerate(keys) if key not in self._replies]

    def _keep(self, request: _Request, reply: _Reply | Exception) -> None:
        if _repeats(request) and not isinstance(reply, Exception):
            self._replies[request_key(request)] = reply


class CachedGenerator(_Remembering[SampleRequest, list[Sample]], Generator):
    """A generator that draws each sample of a problem once."""

    _inner: Generator

    def __init__(self, inner: Generator) -> None:
        super().__init__(inner)
        # Who asks for learned difficulty looks whether a generator has the method: the same as of the one inside.
        if (embed := getattr(inner, "embed", None)) is not None:
            self.embed = embed

    def prompt_tokens(self, request: SampleRequest) -> int:
        """Return the generator's own count."""
        return self._inner.prompt_tokens(request)

    def parameters_of(self, request: SampleRequest) -> int:
        """Return the parameters of the model that answers."""
        return self._inner.parameters_of(request)


class CachedVerifier(_Remembering[Candidate, Verdict], Verifier):
    """A verifier that reads each solution of a problem once."""

    _inner: Verifier

    def tokens(self, candidate: Candidate) -> int:
        """Return the verifier's own count."""
        return self._inner.tokens(candidate)

    def prefetch(self, candidate: Candidate, /) -> None:
        """Begin what will have to be asked."""
        if not self.knows(candidate):
            self._inner.prefetch(candidate)


def _repeats(request: SampleRequest | Candidate) -> bool:
    """Tell whether the same request has the same reply whenever it is asked."""
    if isinstance(request, Candidate):
        return True
    return not replies_vary(request) and request.timeout_s is None
