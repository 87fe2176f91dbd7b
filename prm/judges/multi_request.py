"""A runnable that turns one input into several requests to a generator, and their replies into one output.

The requests of all inputs of a batch go to the generator in one batch, and an input is answered as soon as its own
replies have arrived. A failed request does not affect the others of its input. An input fails if all its requests fail,
or if one fails for a reason that applies to all (an error that this library raises on purpose).
"""

from abc import abstractmethod
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any, Generic, TypeVar

from langchain_core.runnables import RunnableConfig

from its_graph.batching.runnables import BatchRunnable, deliver
from its_graph.budget import flops
from its_graph.contracts import Generator, Sample, SampleRequest
from its_graph.errors import ItsGraphError

__all__ = ["MultiRequest", "flops_used", "tokens_used"]

_Input = TypeVar("_Input")
_Output = TypeVar("_Output")


class MultiRequest(BatchRunnable[_Input, _Output]):
    """Sends several requests per input. Subclasses define two pure methods, `requests` and `fold`."""

    generator: Generator

    @abstractmethod
    def requests(self, input: _Input) -> Sequence[SampleRequest]:
        """Return at least one request, each for one sample."""

    @abstractmethod
    def fold(self, input: _Input, samples: Sequence[Sample | None]) -> _Output:
        """Return the output; a sample is None if its request failed."""

    def tokens(self, input: _Input) -> int:
        """Return an upper bound of the tokens that the generator reads and writes for all requests of `input`."""
        return sum(self.generator.prompt_tokens(request) + request.max_tokens for request in self.requests(input))

    def batch_as_completed(
        self,
        inputs: Sequence[_Input],
        config: RunnableConfig | Sequence[RunnableConfig] | None = None,
        *,
        return_exceptions: bool = False,
        **kwargs: Any,
    ) -> Iterator[tuple[int, Any]]:
        """Yield (index, output) as inputs are answered."""
        batch = _Batch(self, inputs)
        for position, reply in self.generator.batch_as_completed(batch.requests, return_exceptions=True):
            for index, output in batch.add_reply(position, reply):
                yield index, deliver(output, return_exceptions)

    async def abatch_as_completed(
        self,
        inputs: Sequence[_Input],
        config: RunnableConfig | Sequence[RunnableConfig] | None = None,
        *,
        return_exceptions: bool = False,
        **kwargs: Any,
    ) -> AsyncIterator[tuple[int, Any]]:
        """Yield (index, output) as inputs are answered."""
        batch = _Batch(self, inputs)
        async for position, reply in self.generator.abatch_as_completed(batch.requests, return_exceptions=True):
            for index, output in batch.add_reply(position, reply):
                yield index, deliver(output, return_exceptions)


class _Batch(Generic[_Input, _Output]):
    """The inputs in flight and the replies that have arrived for each of them."""

    def __init__(self, runnable: MultiRequest[_Input, _Output], inputs: Sequence[_Input]) -> None:
        self.runnable, self.inputs = runnable, inputs
        groups = [list(runnable.requests(input)) for input in inputs]
        self.requests = [request for group in groups for request in group]
        self._owners = [(index, slot) for index, group in enumerate(groups) for slot in range(len(group))]
        self._replies: list[dict[int, Sample | Exception | None]] = [{} for _ in inputs]
        self._sizes = [len(group) for group in groups]

    def add_reply(self, position: int, reply: list[Sample] | Exception) -> Iterator[tuple[int, _Output | Exception]]:
        """Add the reply to the request at `position`; yield the output of the input that it completes, if any."""
        index, slot = self._owners[position]
        replies = self._replies[index]
        replies[slot] = reply if isinstance(reply, Exception) else next(iter(reply), None)
        if len(replies) == self._sizes[index]:
            yield index, self._output(index, [replies[slot] for slot in range(len(replies))])

    def _output(self, index: int, replies: list[Sample | Exception | None]) -> _Output | Exception:
        errors = [reply for reply in replies if isinstance(reply, Exception)]
        shared = next((error for error in errors if isinstance(error, ItsGraphError)), None)
        if shared is not None:
            return shared
        if len(errors) == len(replies):
            return errors[0]
        samples = [None if isinstance(reply, Exception) else reply for reply in replies]
        return self.runnable.fold(self.inputs[index], samples)


def tokens_used(samples: Sequence[Sample | None]) -> int:
    """Return the number of tokens read and written, cached ones included."""
    return sum(sample.prompt_tokens + sample.generated_tokens for sample in samples if sample is not None)


def flops_used(generator: Generator, requests: Sequence[SampleRequest], samples: Sequence[Sample | None]) -> float:
    """Return the FLOPs of the samples, without those of cached tokens."""
    return sum(
        flops(generator.parameters_of(request), sample.prompt_tokens - sample.cached_tokens + sample.generated_tokens)
        for request, sample in zip(requests, samples, strict=True)
        if sample is not None
    )
