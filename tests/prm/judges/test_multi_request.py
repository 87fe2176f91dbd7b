import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from its_graph.batching.runnables import BatchRunnable
from its_graph.contracts import Sample, SampleRequest
from its_graph.errors import CassetteMissError
from its_graph.prm.judges.multi_request import MultiRequest, flops_used, tokens_used
from its_graph.testing import ScriptedGenerator


class LetterRequests(MultiRequest[str, str]):
    """Sends one request per letter of a word."""

    def __init__(self, generator: ScriptedGenerator) -> None:
        self.generator = generator

    def requests(self, input: str) -> list[SampleRequest]:
        return [SampleRequest(messages=({"role": "user", "content": letter},), max_tokens=3) for letter in input]

    def fold(self, input: str, samples: Sequence[Sample | None]) -> str:
        return "".join("-" if sample is None else sample.text for sample in samples)


def echo(request: SampleRequest) -> str:
    letter = str(request.messages[-1]["content"])
    if letter == "x":
        raise ValueError("no x")
    if letter == "!":
        raise CassetteMissError("never recorded")
    return letter.upper()


async def every_method(runnable: BatchRunnable[str, str], words: list[str]) -> list[list[Any]]:
    """Return the outputs in order, from each of the six runnable methods."""
    completed = [pair async for pair in runnable.abatch_as_completed(words)]
    return [
        [runnable.invoke(word) for word in words],
        [await runnable.ainvoke(word) for word in words],
        runnable.batch(words),
        await runnable.abatch(words),
        [answer for _, answer in sorted(runnable.batch_as_completed(words))],
        [answer for _, answer in sorted(completed)],
    ]


async def test_all_methods_return_the_same_outputs() -> None:
    for answers in await every_method(LetterRequests(ScriptedGenerator(echo)), ["abc", "d", "ef"]):
        assert answers == ["ABC", "D", "EF"]


def test_all_requests_of_a_batch_are_one_batch() -> None:
    batches = []

    class Counting(ScriptedGenerator):
        def batch_as_completed(self, inputs: Any, config: Any = None, **kwargs: Any) -> Any:
            batches.append(len(inputs))
            return super().batch_as_completed(inputs, config, **kwargs)

    LetterRequests(Counting(echo)).batch(["abc", "d"])
    assert batches == [4]


def test_replies_may_arrive_in_any_order() -> None:
    class Backwards(ScriptedGenerator):
        def batch_as_completed(self, inputs: Any, config: Any = None, **kwargs: Any) -> Any:
            return reversed(list(super().batch_as_completed(inputs, config, **kwargs)))

    runnable = LetterRequests(Backwards(echo))
    assert list(runnable.batch_as_completed(["abc", "de"])) == [(1, "DE"), (0, "ABC")]


def test_an_input_is_answered_as_soon_as_its_replies_arrive() -> None:
    generator = ScriptedGenerator(echo)
    answers = LetterRequests(generator).batch_as_completed(["ab", "cd"])
    assert next(answers) == (0, "AB")
    assert len(generator.requests) == 2


def test_a_failed_request_does_not_affect_the_others() -> None:
    assert LetterRequests(ScriptedGenerator(echo)).batch(["axb", "c"]) == ["A-B", "C"]


async def test_an_input_without_any_reply_fails_alone() -> None:
    runnable = LetterRequests(ScriptedGenerator(echo))
    first, second = runnable.batch(["xx", "c"], return_exceptions=True)
    assert isinstance(first, ValueError)
    assert second == "C"
    assert isinstance((await runnable.abatch(["xx"], return_exceptions=True))[0], ValueError)
    with pytest.raises(ValueError, match="no x"):
        runnable.invoke("x")
    with pytest.raises(ValueError, match="no x"):
        await runnable.ainvoke("x")


def test_a_configuration_error_fails_the_input() -> None:
    with pytest.raises(CassetteMissError):
        LetterRequests(ScriptedGenerator(echo)).invoke("a!b")


def test_a_reply_without_samples_is_missing() -> None:
    class Empty(ScriptedGenerator):
        def invoke(self, input: SampleRequest, config: Any = None, **kwargs: Any) -> list[Sample]:
            return []

    assert LetterRequests(Empty(echo)).invoke("ab") == "--"


def test_tokens_are_those_of_all_requests() -> None:
    assert LetterRequests(ScriptedGenerator(echo)).tokens("abc") == 3 * (1 + 3)


def test_usage() -> None:
    sample = Sample(text="a", finish_reason="end", prompt_tokens=10, cached_tokens=4, generated_tokens=5)
    generator = ScriptedGenerator(echo, parameters=3)
    request = SampleRequest(messages=({"role": "user", "content": "a"},))
    assert tokens_used([sample, None, sample]) == 30
    assert flops_used(generator, [request] * 3, [sample, None, sample]) == 2 * (2 * 3 * 11)


async def test_leaving_early_is_quiet() -> None:
    runnable = LetterRequests(ScriptedGenerator(echo))
    async for _ in runnable.abatch_as_completed(["ab", "cd"]):
        break
    await asyncio.sleep(0)
