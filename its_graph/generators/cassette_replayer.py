"""The replaying side of a cassette: says what the tape says."""

from abc import abstractmethod
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from langchain_core.runnables import RunnableConfig

from its_graph.batching.as_completed import AsCompleted
from its_graph.contracts import Candidate, Generator, Sample, SampleRequest, Verdict, Verifier
from its_graph.errors import CassetteMissError
from its_graph.generators.cassette_attributes import restored
from its_graph.generators.cassette_file import Tape, recorded_failure
from its_graph.generators.cassette_requests import (
    RepeatCounter,
    asked_content,
    outcome,
    prompt_key,
    request_key,
    varies,
)

__all__ = ["ReplayedGenerator", "ReplayedVerifier"]

_Request = TypeVar("_Request", bound=SampleRequest | Candidate)
_Reply = TypeVar("_Reply")

SHOWN = 300
"""Characters of a request in an error."""


class _Replayed(AsCompleted[_Request, _Reply]):
    """Says what a tape says."""

    def __init__(self, tape: Tape) -> None:
        self._tape = tape
        self._takes = RepeatCounter()
        vars(self).update(restored(tape.header["attributes"]))

    def batch_as_completed(
        self,
        inputs: Sequence[_Request],
        config: RunnableConfig | Sequence[RunnableConfig] | None = None,
        *,
        return_exceptions: bool = False,
        **kwargs: Any,
    ) -> Iterator[tuple[int, Any]]:
        """Yield the recorded replies in the order of the requests."""
        for position, request in enumerate(inputs):
            yield position, outcome(self._answer(request), return_exceptions)

    async def abatch_as_completed(
        self,
        inputs: Sequence[_Request],
        config: RunnableConfig | Sequence[RunnableConfig] | None = None,
        *,
        return_exceptions: bool = False,
        **kwargs: Any,
    ) -> AsyncIterator[tuple[int, Any]]:
        """Yield the recorded replies in the order of the requests."""
        for position, request in enumerate(inputs):
            yield position, outcome(self._answer(request), return_exceptions)

    def _answer(self, request: _Request) -> Any:
        key, take = self._takes.next(request_key(request))
        answers = self._tape.answers.get(key, [])
        if answers and not varies(request):
            take = min(take, len(answers) - 1)
        if take >= len(answers):
            return self._miss(
                request, f"it holds {len(answers)} answers to this request, number {take + 1} was asked for"
            )
        answer = answers[take]
        return recorded_failure(answer["failure"]) if "failure" in answer else self._load(answer["reply"])

    @abstractmethod
    def _load(self, reply: Any) -> _Reply: ...

    def _known_tokens(self, key: str, request: _Request) -> int:
        if key not in self._tape.tokens:
            raise self._miss(request, "its tokens were never counted")
        return self._tape.tokens[key]

    def _miss(self, request: _Request, reason: str) -> CassetteMissError:
        shown = repr(asked_content(request))
        shown = shown if len(shown) <= SHOWN else f"{shown[:SHOWN]}..."
        return CassetteMissError(
            f"{self._tape.path} has no answer to {shown}: {reason}. Record it again with record()."
        )


class ReplayedGenerator(_Replayed[SampleRequest, list[Sample]], Generator):
    """A recorded generator."""

    model_parameters: Mapping[str, int] = {}
    """Parameters of each model, where it is a team of several."""

    def prompt_tokens(self, request: SampleRequest) -> int:
        """Return the recorded generator's count."""
        return self._known_tokens(prompt_key(request), request)

    def parameters_of(self, request: SampleRequest) -> int:
        """Return the parameters of the recorded model that answered."""
        return self.model_parameters.get(request.model or "", self.parameters)

    def _load(self, reply: Any) -> list[Sample]:
        return [Sample.model_validate(sample) for sample in reply]


class ReplayedVerifier(_Replayed[Candidate, Verdict], Verifier):
    """A recorded verifier."""

    def tokens(self, candidate: Candidate) -> int:
        """Return the recorded verifier's count."""
        return self._known_tokens(request_key(candidate), candidate)

    def _load(self, reply: Any) -> Verdict:
        return Verdict.model_validate(reply)
