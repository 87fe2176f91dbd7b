"""The replaying side of a cassette: answers requests with the recorded replies."""

from abc import abstractmethod
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from langchain_core.runnables import RunnableConfig

from its_graph.batching.runnables import BatchRunnable, deliver
from its_graph.contracts import Candidate, Generator, Sample, SampleRequest, Verdict, Verifier
from its_graph.errors import CassetteMissError
from its_graph.generators.cassette_attributes import load_attributes
from its_graph.generators.cassette_file import Cassette, load_failure
from its_graph.generators.cassette_requests import (
    RepeatCounter,
    prompt_key,
    replies_vary,
    request_content,
    request_key,
)

__all__ = ["ReplayingGenerator", "ReplayingVerifier"]

_Request = TypeVar("_Request", bound=SampleRequest | Candidate)
_Reply = TypeVar("_Reply")

_SHOWN_CHARACTERS = 300
"""Longest request text in an error message."""


class _Replayer(BatchRunnable[_Request, _Reply]):
    """Looks replies up in a cassette."""

    def __init__(self, cassette: Cassette) -> None:
        self._cassette = cassette
        self._takes = RepeatCounter()
        vars(self).update(load_attributes(cassette.header["attributes"]))

    def batch_as_completed(
        self,
        inputs: Sequence[_Request],
        config: RunnableConfig | Sequence[RunnableConfig] | None = None,
        *,
        return_exceptions: bool = False,
        **kwargs: Any,
    ) -> Iterator[tuple[int, Any]]:
        """Yield (index, reply) in the order of the requests."""
        for index, request in enumerate(inputs):
            yield index, deliver(self._look_up(request), return_exceptions)

    async def abatch_as_completed(
        self,
        inputs: Sequence[_Request],
        config: RunnableConfig | Sequence[RunnableConfig] | None = None,
        *,
        return_exceptions: bool = False,
        **kwargs: Any,
    ) -> AsyncIterator[tuple[int, Any]]:
        """Yield (index, reply) in the order of the requests."""
        for index, request in enumerate(inputs):
            yield index, deliver(self._look_up(request), return_exceptions)

    def _look_up(self, request: _Request) -> Any:
        """Return the recorded reply to `request`, or the exception to deliver."""
        key, take = self._takes.next(request_key(request))
        replies = self._cassette.replies.get(key, [])
        if replies and not replies_vary(request):
            take = min(take, len(replies) - 1)
        if take >= len(replies):
            return self._miss(request, f"it holds {len(replies)} replies to this request, and this is call {take + 1}")
        line = replies[take]
        return load_failure(line["failure"]) if "failure" in line else self._load(line["reply"])

    @abstractmethod
    def _load(self, reply: Any) -> _Reply: ...

    def _recorded_tokens(self, key: str, request: _Request) -> int:
        if key not in self._cassette.tokens:
            raise self._miss(request, "its tokens were never counted")
        return self._cassette.tokens[key]

    def _miss(self, request: _Request, reason: str) -> CassetteMissError:
        text = repr(request_content(request))
        text = text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}..."
        return CassetteMissError(
            f"{self._cassette.path} has no reply to {text}: {reason}. Record it again with record()."
        )


class ReplayingGenerator(_Replayer[SampleRequest, list[Sample]], Generator):
    """A recorded generator."""

    model_parameters: Mapping[str, int] = {}
    """Parameters of each model of a recorded team."""

    def prompt_tokens(self, request: SampleRequest) -> int:
        """Return the count of the recorded generator."""
        return self._recorded_tokens(prompt_key(request), request)

    def parameters_of(self, request: SampleRequest) -> int:
        """Return the parameters of the recorded model that answered."""
        return self.model_parameters.get(request.model or "", self.parameters)

    def _load(self, reply: Any) -> list[Sample]:
        return [Sample.model_validate(sample) for sample in reply]


class ReplayingVerifier(_Replayer[Candidate, Verdict], Verifier):
    """A recorded verifier."""

    def tokens(self, candidate: Candidate) -> int:
        """Return the count of the recorded verifier."""
        return self._recorded_tokens(request_key(candidate), candidate)

    def _load(self, reply: Any) -> Verdict:
        return Verdict.model_validate(reply)
