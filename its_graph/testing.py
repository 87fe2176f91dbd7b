"""Models for tests, the library's and yours: scripted ones, and a small world with a known optimum.

They run without torch, in microseconds, and obey the same contracts as real models.

In the toy world a problem is a list of numbers to add, `Add 3, 5, 4.`; a solution adds one number per step and boxes
the sum. The generator errs with a known probability at each step, decided by the request's seed; the verifier knows
which steps are right. So the right answer is known, a search with enough samples must find it, and a single sample is
right with probability (1 - error) ** steps.
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

__all__ = ["InlineRunnable", "ScriptedGenerator", "ScriptedVerifier", "ToyGenerator", "ToyVerifier", "count_words"]

_Request = TypeVar("_Request")
_Reply = TypeVar("_Reply")


def count_words(text: str) -> int:
    """Return the number of words in `text`, which is how this module counts tokens.

    >>> from its_graph.testing import count_words
    >>> count_words("3 + 5 = 8")
    5
    """
    return len(text.split())


class InlineRunnable(BatchRunnable[_Request, _Reply]):
    """Runs batches in a plain loop, for models that answer at once and need no threads. Subclasses implement `invoke`.

    >>> from its_graph.testing import InlineRunnable
    >>> class Double(InlineRunnable):
    ...     def invoke(self, input, config=None, **kwargs):
    ...         return 2 * input
    >>> Double().batch([1, 2, 3])
    [2, 4, 6]
    """

    def batch_as_completed(
        self, inputs: Sequence[_Request], config: Any = None, *, return_exceptions: bool = False, **kwargs: Any
    ) -> Iterator[tuple[int, Any]]:
        """Yield (index, reply) in order; with `return_exceptions`, an error takes the place of its reply."""
        for index, request in enumerate(inputs):
            yield index, self._attempt(request, return_exceptions)

    async def abatch_as_completed(
        self, inputs: Sequence[_Request], config: Any = None, *, return_exceptions: bool = False, **kwargs: Any
    ) -> AsyncIterator[tuple[int, Any]]:
        """Like `batch_as_completed`."""
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


class ScriptedGenerator(InlineRunnable[SampleRequest, list[Sample]], Generator):
    """A generator whose samples come from a function.

    A string is cut at the first stop string and at `max_tokens` words. Its token confidences are higher in lines
    without a wrong sum (3 to 4 per word) than in lines with one (1 to 2); the request's seed decides by how much.

    Args:
        script: returns the text of a sample, or the whole `Sample`; an exception fails the call.
        parameters: number of model parameters, for FLOPs; 0 for unknown.

    >>> from its_graph import create
    >>> from its_graph.testing import ScriptedGenerator
    >>> generator = ScriptedGenerator(lambda request: "The answer is 8.")
    >>> create("self_consistency", generator, n=3).compile().invoke({"problem": "Add 3, 5."})["answer"]
    '8'
    >>> len(generator.requests)
    3
    """

    max_tokens = 64
    signals: frozenset[Signal] = frozenset({"token_confidences", "self_certainty"})

    def __init__(self, script: Callable[[SampleRequest], str | Sample], *, parameters: int = 0) -> None:
        self.script = script
        self.parameters = parameters
        self.requests: list[SampleRequest] = []
        """The requests so far."""

    def invoke(self, input: SampleRequest, config: RunnableConfig | None = None, **kwargs: Any) -> list[Sample]:
        """Return `input.n` samples."""
        self.requests.append(input)
        prompt_tokens = self.prompt_tokens(input)
        samples = [self._sample(input, prompt_tokens, self.script(input)) for _ in range(input.n)]
        if (on_token := token_callback(input)) is not None:
            for word in re.findall(r"\s*\S+\s*", samples[0].text):
                on_token(word)
        return samples

    def prompt_tokens(self, request: SampleRequest) -> int:
        """Return the words of the conversation and the prefix."""
        return sum(count_words(str(message["content"])) for message in request.messages) + count_words(request.prefix)

    def _sample(self, request: SampleRequest, prompt_tokens: int, reply: str | Sample) -> Sample:
        if isinstance(reply, Sample):
            return reply
        text: str = reply
        reason: FinishReason = "end"
        ends = [reply.index(stop) + len(stop) for stop in request.stop if stop in reply]
        if ends:
            text, reason = reply[: min(ends)], "stop_string"
        if count_words(text) > request.max_tokens:
            text, reason = " ".join(text.split()[: request.max_tokens]), "length"
        sample = Sample(
            text=text,
            finish_reason=reason,
            prompt_tokens=prompt_tokens,
            cached_tokens=0,
            generated_tokens=count_words(text),
            confidence=None,
            logprobs=None,
        )
        return _with_signals(sample, request) if request.top_logprobs or request.self_certainty else sample


class ScriptedVerifier(InlineRunnable[Candidate, Verdict], Verifier):
    """A verifier whose scores come from a function. The candidate's value is the lowest score of its steps.

    Args:
        script: returns one score per step, or one number for all; an exception fails the call.
        parameters: number of model parameters, for FLOPs; 0 for unknown.

    >>> from its_graph import Candidate
    >>> from its_graph.testing import ScriptedVerifier
    >>> question = [{"role": "user", "content": "Add 3, 5."}]
    >>> verifier = ScriptedVerifier(lambda candidate: [0.9, 0.4])
    >>> verifier.invoke(Candidate(messages=question, steps=["3 + 5 = 8", "8 it is"])).value
    0.4
    """

    def __init__(self, script: Callable[[Candidate], float | Sequence[float]], *, parameters: int = 0) -> None:
        self.script = script
        self.parameters = parameters
        self.candidates: list[Candidate] = []
        """The candidates so far."""

    def invoke(self, input: Candidate, config: RunnableConfig | None = None, **kwargs: Any) -> Verdict:
        """Return the verdict on `input`."""
        self.candidates.append(input)
        reply = self.script(input)
        scores = tuple(reply) if isinstance(reply, Sequence) else (float(reply),) * len(input.steps)
        value = min(scores, default=None)
        return Verdict(scores=scores, value=value, tokens=self.tokens(input))

    def tokens(self, candidate: Candidate) -> int:
        """Return the words of the conversation and of all steps."""
        question = sum(count_words(str(message["content"])) for message in candidate.messages)
        return question + sum(count_words(step) for step in candidate.steps)


class ToyGenerator(ScriptedGenerator):
    r"""Adds the numbers of `Add 3, 5, 4.` one step at a time and makes mistakes at a known rate.

    A wrong sum is off by one to nine. At temperature 0 it makes no mistake, because its most likely step is right.

    Args:
        error: probability of a wrong sum at each step, in [0, 1].
        parameters: number of model parameters, for FLOPs; 0 for unknown.

    >>> from its_graph import SampleRequest
    >>> from its_graph.testing import ToyGenerator
    >>> request = SampleRequest(messages=[{"role": "user", "content": "Add 3, 5."}], temperature=0)
    >>> ToyGenerator().invoke(request)[0].text
    '3 + 5 = 8\n\n\\boxed{8}'
    """

    step_tokens = 8

    def __init__(self, error: float = 0.3, *, parameters: int = 0) -> None:
        super().__init__(self._continue, parameters=parameters)
        self.error = error

    def _continue(self, request: SampleRequest) -> str:
        numbers = _numbers(request)
        totals = _totals(request.prefix)
        rng = random.Random(request.seed)
        text = ""
        for number in numbers[len(totals) + 1 :]:
            left = totals[-1] if totals else numbers[0]
            wrong = request.temperature > 0 and rng.random() < self.error
            totals.append(left + number + (rng.randint(1, 9) if wrong else 0))
            text += f"{left} + {number} = {totals[-1]}\n\n"
        return text + rf"\boxed{{{totals[-1] if totals else numbers[0]}}}"


class ToyVerifier(ScriptedVerifier):
    """Scores each step of a toy solution by whether it adds correctly; a solution is as good as its worst step.

    Args:
        right: score of a correct step, in [0, 1].
        wrong: score of an incorrect step, in [0, 1].
        parameters: number of model parameters, for FLOPs; 0 for unknown.

    >>> from its_graph import Candidate
    >>> from its_graph.testing import ToyVerifier
    >>> question = [{"role": "user", "content": "Add 3, 5, 4."}]
    >>> ToyVerifier().invoke(Candidate(messages=question, steps=["3 + 5 = 8", "8 + 4 = 13"])).scores
    (0.9, 0.1)
    """

    def __init__(self, *, right: float = 0.9, wrong: float = 0.1, parameters: int = 0) -> None:
        super().__init__(self._score, parameters=parameters)
        self.right, self.wrong = right, wrong

    def _score(self, candidate: Candidate) -> list[float]:
        return [self.right if _adds_up(step) else self.wrong for step in candidate.steps]


def _with_signals(sample: Sample, request: SampleRequest) -> Sample:
    """Add the signals requested; a confidence floor may end the text early."""
    rng = random.Random(request.seed)
    lines = sample.text.split("\n\n")
    confidences = [rng.random() + (3 if _adds_up(line) else 1) for line in lines for _ in line.split()]
    floor = request.confidence_floor
    length = _words_above(confidences, floor) if floor else len(confidences)
    update: dict[str, Any] = {"token_confidences": tuple(confidences[:length])} if request.top_logprobs else {}
    if request.self_certainty and length:
        update["self_certainty"] = sum(confidences[:length]) / length
    if length < len(confidences):
        text = " ".join(sample.text.split()[:length])
        update |= {"text": text, "finish_reason": "length", "generated_tokens": length}
    return sample.model_copy(update=update)


def _words_above(confidences: Sequence[float], floor: ConfidenceFloor) -> int:
    """Return how many words are written before the floor ends the text, the last of them included."""
    groups = Groups(floor.window)
    means = (groups.add(confidence) for confidence in confidences)
    ends = (count for count, mean in enumerate(means, 1) if mean is not None and mean < floor.threshold)
    return next(ends, len(confidences))


def _numbers(request: SampleRequest) -> list[int]:
    return [int(digits) for digits in re.findall(r"-?\d+", str(request.messages[-1]["content"]))]


def _totals(prefix: str) -> list[int]:
    return [int(digits) for digits in re.findall(r"= (-?\d+)\n", prefix)]


def _adds_up(step: str) -> bool:
    sums = re.findall(r"(-?\d+) \+ (-?\d+) = (-?\d+)", step)
    return all(int(left) + int(right) == int(result) for left, right, result in sums)
