"""The recording side of a cassette: asks the model and writes down what it says."""

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from langchain_core.runnables import Runnable, RunnableConfig

from its_graph.batching.as_completed import AsCompleted
from its_graph.contracts import Candidate, Generator, Sample, SampleRequest, Verdict, Verifier
from its_graph.generators.cassette_attributes import restored
from its_graph.generators.cassette_file import TapeWriter, failure_line
from its_graph.generators.cassette_requests import RepeatCounter, asked_content, outcome, prompt_key, request_key

__all__ = ["RecordingGenerator", "RecordingVerifier"]

_Request = TypeVar("_Request", bound=SampleRequest | Candidate)
_Reply = TypeVar("_Reply")


class _Recording(AsCompleted[_Request, _Reply]):
    """Asks the recorded runnable and writes down what it says."""

    def __init__(self, inner: Runnable[_Request, _Reply], writer: TapeWriter, attributes: Mapping[str, Any]) -> None:
        self._inner = inner
        self._writer = writer
        self._takes = RepeatCounter()
        self._counted: set[str] = set()
        vars(self).update(restored(attributes))

    def batch_as_completed(
        self,
        inputs: Sequence[_Request],
        config: RunnableConfig | Sequence[RunnableConfig] | None = None,
        *,
        return_exceptions: bool = False,
        **kwargs: Any,
    ) -> Iterator[tuple[int, Any]]:
        """Yield replies as they come, after they were written."""
        takes = [self._takes.next(request_key(request)) for request in inputs]
        for position, reply in self._inner.batch_as_completed(inputs, config, return_exceptions=True, **kwargs):
            self._write(takes[position], inputs[position], reply)
            yield position, outcome(reply, return_exceptions)

    async def abatch_as_completed(
        self,
        inputs: Sequence[_Request],
        config: RunnableConfig | Sequence[RunnableConfig] | None = None,
        *,
        return_exceptions: bool = False,
        **kwargs: Any,
    ) -> AsyncIterator[tuple[int, Any]]:
        """Yield replies as they come, after they were written."""
        takes = [self._takes.next(request_key(request)) for request in inputs]
        replies = self._inner.abatch_as_completed(inputs, config, return_exceptions=True, **kwargs)
        async for position, reply in replies:
            self._write(takes[position], inputs[position], reply)
            yield position, outcome(reply, return_exceptions)

    def _write(self, asked: tuple[str, int], request: _Request, reply: Any) -> None:
        key, take = asked
        if isinstance(reply, Exception):
            said: dict[str, Any] = {"failure": failure_line(reply)}
        elif isinstance(reply, Verdict):
            said = {"reply": reply.model_dump(mode="json")}
        else:
            said = {"reply": [sample.model_dump(mode="json") for sample in reply]}
        # The request is written for people who read the file.
        self._writer.write({"key": key, "take": take, "request": asked_content(request), **said})

    def _count(self, key: str, tokens: int) -> int:
        if key not in self._counted:
            self._counted.add(key)
            self._writer.write({"key": key, "tokens": tokens})
        return tokens


class RecordingGenerator(_Recording[SampleRequest, list[Sample]], Generator):
    """A generator whose answers are written to a cassette."""

    _inner: Generator

    def prompt_tokens(self, request: SampleRequest) -> int:
        """Return the recorded generator's count."""
        return self._count(prompt_key(request), self._inner.prompt_tokens(request))

    def parameters_of(self, request: SampleRequest) -> int:
        """Return the parameters of the recorded model that answers."""
        return self._inner.parameters_of(request)


class RecordingVerifier(_Recording[Candidate, Verdict], Verifier):
    """A verifier whose verdicts are written to a cassette."""

    _inner: Verifier

    def tokens(self, candidate: Candidate) -> int:
        """Return the recorded verifier's count."""
        return self._count(request_key(candidate), self._inner.tokens(candidate))
