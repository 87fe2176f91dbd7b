"""The recording side of a cassette: calls the model and writes its replies to the file."""

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from langchain_core.runnables import Runnable, RunnableConfig

from its_graph.batching.runnables import BatchRunnable, deliver
from its_graph.contracts import Candidate, Generator, Sample, SampleRequest, Verdict, Verifier
from its_graph.generators.cassette_attributes import load_attributes
from its_graph.generators.cassette_file import CassetteWriter, dump_failure
from its_graph.generators.cassette_requests import RepeatCounter, prompt_key, request_content, request_key

__all__ = ["RecordingGenerator", "RecordingVerifier"]

_Request = TypeVar("_Request", bound=SampleRequest | Candidate)
_Reply = TypeVar("_Reply")


class _Recorder(BatchRunnable[_Request, _Reply]):
    """Calls the recorded runnable and writes its replies to the cassette."""

    def __init__(
        self, inner: Runnable[_Request, _Reply], writer: CassetteWriter, attributes: Mapping[str, Any]
    ) -> None:
        self._inner = inner
        self._writer = writer
        self._takes = RepeatCounter()
        self._counted: set[str] = set()
        vars(self).update(load_attributes(attributes))

    def batch_as_completed(
        self,
        inputs: Sequence[_Request],
        config: RunnableConfig | Sequence[RunnableConfig] | None = None,
        *,
        return_exceptions: bool = False,
        **kwargs: Any,
    ) -> Iterator[tuple[int, Any]]:
        """Yield (index, reply) as requests are answered; each reply is written first."""
        takes = [self._takes.next(request_key(request)) for request in inputs]
        for index, reply in self._inner.batch_as_completed(inputs, config, return_exceptions=True, **kwargs):
            self._write(takes[index], inputs[index], reply)
            yield index, deliver(reply, return_exceptions)

    async def abatch_as_completed(
        self,
        inputs: Sequence[_Request],
        config: RunnableConfig | Sequence[RunnableConfig] | None = None,
        *,
        return_exceptions: bool = False,
        **kwargs: Any,
    ) -> AsyncIterator[tuple[int, Any]]:
        """Yield (index, reply) as requests are answered; each reply is written first."""
        takes = [self._takes.next(request_key(request)) for request in inputs]
        replies = self._inner.abatch_as_completed(inputs, config, return_exceptions=True, **kwargs)
        async for index, reply in replies:
            self._write(takes[index], inputs[index], reply)
            yield index, deliver(reply, return_exceptions)

    def _write(self, take: tuple[str, int], request: _Request, reply: Any) -> None:
        key, number = take
        if isinstance(reply, Exception):
            outcome: dict[str, Any] = {"failure": dump_failure(reply)}
        elif isinstance(reply, Verdict):
            outcome = {"reply": reply.model_dump(mode="json")}
        else:
            outcome = {"reply": [sample.model_dump(mode="json") for sample in reply]}
        # The request is not read back: it is there for people who read the file.
        self._writer.write({"key": key, "take": number, "request": request_content(request), **outcome})

    def _record_tokens(self, key: str, tokens: int) -> int:
        if key not in self._counted:
            self._counted.add(key)
            self._writer.write({"key": key, "tokens": tokens})
        return tokens


class RecordingGenerator(_Recorder[SampleRequest, list[Sample]], Generator):
    """A generator whose replies are written to a cassette."""

    _inner: Generator

    def prompt_tokens(self, request: SampleRequest) -> int:
        """Return the count of the recorded generator."""
        return self._record_tokens(prompt_key(request), self._inner.prompt_tokens(request))

    def parameters_of(self, request: SampleRequest) -> int:
        """Return the parameters of the recorded model that answers."""
        return self._inner.parameters_of(request)


class RecordingVerifier(_Recorder[Candidate, Verdict], Verifier):
    """A verifier whose verdicts are written to a cassette."""

    _inner: Verifier

    def tokens(self, candidate: Candidate) -> int:
        """Return the count of the recorded verifier."""
        return self._record_tokens(request_key(candidate), self._inner.tokens(candidate))
