"""One question becomes several requests to a generator; their replies become one answer.

The requests of all questions of a batch go to the generator in one batch, and a question is answered as soon as its own
replies are in. A request that fails loses only itself. A question fails where all of its requests did, or where one
failed for a reason that the others share (an error that this library raises on purpose).
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

_Question = TypeVar("_Question")
_Answer = TypeVar("_Answer")


class MultiRequest(BatchRunnable[_Question, _Answer]):
    """Asks a generator. Subclasses say what is asked (`requests`) and what the replies mean (`fold`); both are pure."""

    generator: Generator

    @abstractmethod
    def requests(self, question: _Question) -> Sequence[SampleRequest]:
        """Return what to ask, one sample each, at least one."""

    @abstractmethod
    def fold(self, question: _Question, samples: Sequence[Sample | None]) -> _Answer:
        """Return the answer; None stands for a request that failed."""

    def tokens(self, question: _Question) -> int:
        """Return the most that the generator reads and writes for `question`, all requests together."""
        return sum(self.generator.prompt_tokens(request) + request.max_tokens for request in self.requests(question))

    def batch_as_completed(
        self,
        inputs: Sequence[_Question],
        config: RunnableConfig | Sequence[RunnableConfig] | None = None,
        *,
        return_exceptions: bool = False,
        **kwargs: Any,
    ) -> Iterator[tuple[int, Any]]:
        """Yield (position, answer) as questions are answered."""
        batch = _Batch(self, inputs)
        for place, reply in self.generator.batch_as_completed(batch.asked, return_exceptions=True):
            for index, answer in batch.absorb(place, reply):
                yield index, deliver(answer, return_exceptions)

    async def abatch_as_completed(
        self,
        inputs: Sequence[_Question],
        config: RunnableConfig | Sequence[RunnableConfig] | None = None,
        *,
        return_exceptions: bool = False,
        **kwargs: Any,
    ) -> AsyncIterator[tuple[int, Any]]:
        """Yield (position, answer) as questions are answered."""
        batch = _Batch(self, inputs)
        async for place, reply in self.generator.abatch_as_completed(batch.asked, return_exceptions=True):
            for index, answer in batch.absorb(place, reply):
                yield index, deliver(answer, return_exceptions)


class _Batch(Generic[_Question, _Answer]):
    """The questions under way, and which of their replies are still missing."""

    def __init__(self, runnable: MultiRequest[_Question, _Answer], questions: Sequence[_Question]) -> None:
        self.runnable, self.questions = runnable, questions
        requests = [list(runnable.requests(question)) for question in questions]
        self.asked = [request for each in requests for request in each]
        self._owner = [(index, slot) for index, each in enumerate(requests) for slot in range(len(each))]
        self._replies: list[dict[int, Sample | Exception | None]] = [{} for _ in questions]
        self._wanted = [len(each) for each in requests]

    def absorb(self, place: int, reply: list[Sample] | Exception) -> Iterator[tuple[int, _Answer | Exception]]:
        """Take one reply; yield the question that it completes, if it does."""
        index, slot = self._owner[place]
        replies = self._replies[index]
        replies[slot] = reply if isinstance(reply, Exception) else next(iter(reply), None)
        if len(replies) == self._wanted[index]:
            yield index, self._answer(index, [replies[slot] for slot in range(len(replies))])

    def _answer(self, index: int, replies: list[Sample | Exception | None]) -> _Answer | Exception:
        errors = [reply for reply in replies if isinstance(reply, Exception)]
        shared = next((error for error in errors if isinstance(error, ItsGraphError)), None)
        if shared is not None:
            return shared
        if len(errors) == len(replies):
            return errors[0]
        samples = [None if isinstance(reply, Exception) else reply for reply in replies]
        return self.runnable.fold(self.questions[index], samples)


def tokens_used(samples: Sequence[Sample | None]) -> int:
    """Return the tokens read and written, cached ones included."""
    return sum(sample.prompt_tokens + sample.generated_tokens for sample in samples if sample is not None)


def flops_used(generator: Generator, requests: Sequence[SampleRequest], samples: Sequence[Sample | None]) -> float:
    """Return the FLOPs of the samples; cached tokens cost none."""
    return sum(
        flops(generator.parameters_of(request), sample.prompt_tokens - sample.cached_tokens + sample.generated_tokens)
        for request, sample in zip(requests, samples, strict=True)
        if sample is not None
    )
