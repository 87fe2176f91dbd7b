"""Models for tests, of this library and of yours: scripted ones, and a small world with a known optimum.

They run without torch, in microseconds, and obey the same contracts as the real ones.

In the toy world a problem is a list of numbers to add, `Add 3, 5, 4.`; a solution adds one number a step and boxes the
sum. The generator errs with a known probability at each step, decided by the request's seed; the verifier knows which
steps are right. So the right answer is known, a search with enough samples must find it, and a single sample is right
with probability (1 - error) ** steps.
"""

import random
import re
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from typing import Any, TypeVar

from langchain_core.runnables import RunnableConfig

from its_graph.batching.runnables import BatchRunnable
from its_graph.confidence import Groups
from its_graph.contracts import (
    Candidate,
    ConfidenceFloor,
    FinishReason,
    Generator,
    Sample,
    SampleRequest,
    Signal,
    Verdict,
    Verifier,
)
from its_graph.token_stream import token_callback

__all__ = ["Inline", "ScriptedGenerator", "ScriptedVerifier", "ToyGenerator", "ToyVerifier", "count_words"]

_Request = TypeVar("_Request")
_Reply = TypeVar("_Reply")


def count_words(text: str) -> int:
    """Count tokens as this module does: words."""
    return len(text.split())


class Inline(BatchRunnable[_Request, _Reply]):
    """Runs batches in a plain loop: right for anything that answers at once and needs no threads."""

    def batch_as_completed(
        self, inputs: Sequence[_Request], config: Any = None, *, return_exceptions: bool = False, **kwargs: Any
    ) -> Iterator[tuple[int, Any]]:
        """Yield (index, reply) in order; with `return_exceptions` an error takes the place of its reply."""
        for index, request in enumerate(inputs):
            yield index, self._attempt(request, return_exceptions)

    async def abatch_as_completed(
        self, inputs: Sequence[_Request], config: Any = None, *, return_exceptions: bool = False, **kwargs: Any
    ) -> AsyncIterator[tuple[int, Any]]:
        """As `batch_as_completed`."""
        for index, request in enumerate(inputs):
            yield index, self._attempt(request, return_exceptions)

    async def ainvoke(self, input: _Request, config: RunnableConfig | None = None, **kwargs: Any) -> _Reply:
        """Return the reply, without a thread."""
        return self.invoke(input, config, **kwargs)

    def _attempt(self, request: _Request, return_exceptions: bool) -> _Reply | Exception:
        if not return_exceptions:
            return self.invoke(request)
        try:
            return self.invoke(request)
        except Exception as error:  # noqa: BLE001  the contract of return_exceptions
            return error


class ScriptedGenerator(Inline[SampleRequest, list[Sample]], Generator):
    """Says what a function says. A returned str is cut at the first stop string and at `max_tokens` words.

    It is surer of a line without a wrong sum (3 to 4 a word) than of one with (1 to 2); the seed decides by how much.
    """

    max_tokens = 64
    signals: frozenset[Signal] = frozenset({"token_confidences", "self_certainty"})

    def __init__(self, script: Callable[[SampleRequest], str | Sample], *, parameters: int = 0) -> None:
        self.script = script
        self.parameters = parameters
        self.requests: list[SampleRequest] = []

    def invoke(self, input: SampleRequest, config: RunnableConfig | None = None, **kwargs: Any) -> list[Sample]:
        """Return `input.n` samples; an error that the script raises is the call's error."""
        self.requests.append(input)
        prompt = self.prompt_tokens(input)
        samples = [self._sample(input, prompt, self.script(input)) for _ in range(input.n)]
        if (tell := token_callback(input)) is not None:
            for word in re.findall(r"\s*\S+\s*", samples[0].text):
                tell(word)
        return samples

    def prompt_tokens(self, request: SampleRequest) -> int:
        """Words of the conversation and of the prefix."""
        return sum(count_words(str(message["content"])) for message in request.messages) + count_words(request.prefix)

    def _sample(self, request: SampleRequest, prompt: int, said: str | Sample) -> Sample:
        if isinstance(said, Sample):
            return said
        text: str = said
        reason: FinishReason = "end"
        ends = [said.index(stop) + len(stop) for stop in request.stop if stop in said]
        if ends:
            text, reason = said[: min(ends)], "stop_string"
        if count_words(text) > request.max_tokens:
            text, reason = " ".join(text.split()[: request.max_tokens]), "length"
        sample = Sample(
            text=text,
            finish_reason=reason,
            prompt_tokens=prompt,
            cached_tokens=0,
            generated_tokens=count_words(text),
            confidence=None,
            logprobs=None,
        )
        return _tell(sample, request) if request.top_logprobs or request.self_certainty else sample


class ScriptedVerifier(Inline[Candidate, Verdict], Verifier):
    """Thinks what a function thinks: one score per step, or a number for the whole. The path's value is the minimum."""

    def __init__(self, script: Callable[[Candidate], float | Sequence[float]], *, parameters: int = 0) -> None:
        self.script = script
        self.parameters = parameters
        self.candidates: list[Candidate] = []

    def invoke(self, input: Candidate, config: RunnableConfig | None = None, **kwargs: Any) -> Verdict:
        """Return the verdict; an error that the script raises is the call's error."""
        self.candidates.append(input)
        said = self.script(input)
        scores = tuple(said) if isinstance(said, Sequence) else (float(said),) * len(input.steps)
        value = min(scores, default=None)
        return Verdict(scores=scores, value=value, tokens=self.tokens(input))

    def tokens(self, candidate: Candidate) -> int:
        """Words of the conversation and of all steps."""
        asked = sum(count_words(str(message["content"])) for message in candidate.messages)
        return asked + sum(count_words(step) for step in candidate.steps)


class ToyGenerator(ScriptedGenerator):
    """Adds the numbers of `Add 3, 5, 4.` one step at a time, each step wrong with probability `error`.

    A wrong sum is off by one to nine. At temperature 0 it makes no mistake, as its most likely step is the right one.
    """

    step_tokens = 8

    def __init__(self, error: float = 0.3, *, parameters: int = 0) -> None:
        super().__init__(self._continue, parameters=parameters)
        self.error = error

    def _continue(self, request: SampleRequest) -> str:
        numbers = _numbers(request)
        totals = _totals(request.prefix)
        chance = random.Random(request.seed)
        text = ""
        for number in numbers[len(totals) + 1 :]:
            left = totals[-1] if totals else numbers[0]
            wrong = request.temperature > 0 and chance.random() < self.error
            totals.append(left + number + (chance.randint(1, 9) if wrong else 0))
            text += f"{left} + {number} = {totals[-1]}\n\n"
        return text + rf"\boxed{{{totals[-1] if totals else numbers[0]}}}"


class ToyVerifier(ScriptedVerifier):
    """Gives `right` to a step that adds correctly, `wrong` to one that does not; a solution counts its worst."""

    def __init__(self, *, right: float = 0.9, wrong: float = 0.1, parameters: int = 0) -> None:
        super().__init__(self._judge, parameters=parameters)
        self.right, self.wrong = right, wrong

    def _judge(self, candidate: Candidate) -> list[float]:
        return [self.right if _adds_up(step) else self.wrong for step in candidate.steps]


def _tell(sample: Sample, request: SampleRequest) -> Sample:
    """Add the signals that were asked for; a confidence floor may end the text early."""
    chance = random.Random(request.seed)
    lines = sample.text.split("\n\n")
    sure = [chance.random() + (3 if _adds_up(line) else 1) for line in lines for _ in line.split()]
    kept = _kept(sure, request.confidence_floor) if request.confidence_floor else len(sure)
    told: dict[str, Any] = {"token_confidences": tuple(sure[:kept])} if request.top_logprobs else {}
    if request.self_certainty and kept:
        told["self_certainty"] = sum(sure[:kept]) / kept
    if kept < len(sure):
        text = " ".join(sample.text.split()[:kept])
        told |= {"text": text, "finish_reason": "length", "generated_tokens": kept}
    return sample.model_copy(update=told)


def _kept(confidences: Sequence[float], floor: ConfidenceFloor) -> int:
    """Return how many words are said before the floor ends the text, the last of them included."""
    groups = Groups(floor.window)
    means = (groups.add(one) for one in confidences)
    ends = (count for count, mean in enumerate(means, 1) if mean is not None and mean < floor.threshold)
    return next(ends, len(confidences))


def _numbers(request: SampleRequest) -> list[int]:
    return [int(digits) for digits in re.findall(r"-?\d+", str(request.messages[-1]["content"]))]


def _totals(prefix: str) -> list[int]:
    return [int(digits) for digits in re.findall(r"= (-?\d+)\n", prefix)]


def _adds_up(step: str) -> bool:
    sums = re.findall(r"(-?\d+) \+ (-?\d+) = (-?\d+)", step)
    return all(int(left) + int(right) == int(result) for left, right, result in sums)
