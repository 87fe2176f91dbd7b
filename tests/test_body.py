"""The node body: waves under a budget, retries, arrival order, deadlines. Seen through whole searches."""

import asyncio
import random
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any

import pytest

from its_graph import Budget, Sample, SampleRequest, SearchContext, create
from its_graph.retries import is_passing
from its_graph.errors import ContinuationError, InputError
from its_graph.testing import ScriptedGenerator, ToyGenerator, ToyVerifier

QUESTION = {"problem": "Add 3, 5, 4."}


class Waves(ToyGenerator):
    """Notes how many requests come together, and answers them in a random order."""

    def __init__(self, order_seed: int = 0, error: float = 0.3) -> None:
        super().__init__(error)
        self.sizes: list[int] = []
        self.order = random.Random(order_seed)

    def batch_as_completed(
        self, inputs: Sequence[SampleRequest], config: Any = None, *, return_exceptions: bool = False, **kwargs: Any
    ) -> Iterator[tuple[int, Any]]:
        self.sizes.append(len(inputs))
        replies = list(super().batch_as_completed(inputs, config, return_exceptions=return_exceptions))
        self.order.shuffle(replies)
        yield from replies

    async def abatch_as_completed(
        self, inputs: Sequence[SampleRequest], config: Any = None, *, return_exceptions: bool = False, **kwargs: Any
    ) -> AsyncIterator[tuple[int, Any]]:
        for reply in self.batch_as_completed(inputs, config, return_exceptions=return_exceptions):
            await asyncio.sleep(0)
            yield reply


def test_without_a_budget_there_is_one_wave() -> None:
    generator = Waves()
    create("self_consistency", generator, n=16).compile().invoke(QUESTION, context=SearchContext(seed=7))
    assert generator.sizes == [16]


def test_what_a_wave_did_not_use_is_there_for_the_next() -> None:
    """A sample may take 64 tokens and takes 11: a budget of 160 bears two at their worst, then more and more."""
    generator = Waves()
    context = SearchContext(seed=7, budget=Budget(generated_tokens=160))
    result = create("self_consistency", generator, n=16).compile().invoke(QUESTION, context=context)["result"]
    assert generator.sizes[0] == 2
    assert len(result["candidates"]) > 8
    assert 120 < result["spend"]["generated_tokens"] <= 160


async def test_the_order_of_arrival_changes_nothing() -> None:
    results = []
    for order_seed in range(4):
        graph = create("beam_search", Waves(order_seed), ToyVerifier(), n=8, width=2).compile()
        context = SearchContext(seed=7, budget=Budget(tokens=600))
        out = (
            await graph.ainvoke(QUESTION, context=context)
            if order_seed % 2
            else graph.invoke(QUESTION, context=context)
        )
        out["result"]["spend"].pop("seconds")
        results.append(out["result"])
    assert results[1:] == results[:1] * 3


def test_a_call_too_dear_at_its_worst_is_made_shorter() -> None:
    generator = ToyGenerator()
    context = SearchContext(seed=7, budget=Budget(generated_tokens=30))
    result = create("single", generator).compile().invoke(QUESTION, context=context)["result"]
    assert generator.requests[0].max_tokens == 30
    assert result["answer"] is not None


def test_a_call_that_could_say_nothing_is_not_made() -> None:
    generator = ToyGenerator()
    context = SearchContext(seed=7, budget=Budget(generated_tokens=7))
    result = create("single", generator).compile().invoke(QUESTION, context=context)["result"]
    assert generator.requests == []
    assert result["stop_reason"] == "budget"


def flaky(failures: int, error: Exception) -> ScriptedGenerator:
    """Fail the first calls, then answer."""
    left = iter([error] * failures)
    toy = ToyGenerator(0.0)

    def script(request: SampleRequest) -> str | Sample:
        for one in left:
            raise one
        return toy.script(request)

    return ScriptedGenerator(script)


@pytest.mark.parametrize(("failures", "answered"), [(0, True), (2, True), (3, False)])
def test_a_passing_failure_is_tried_again_as_often_as_the_settings_say(failures: int, answered: bool) -> None:
    graph = create("self_consistency", flaky(failures, TimeoutError("late")), n=1).compile()
    if answered:
        assert graph.invoke(QUESTION, context=SearchContext(retries=2))["answer"] == "12"
    else:
        with pytest.raises(RuntimeError, match="TimeoutError: late"):
            graph.invoke(QUESTION, context=SearchContext(retries=2))


def test_trying_again_costs_calls_and_never_more_than_the_budget() -> None:
    generator = flaky(3, TimeoutError("late"))
    context = SearchContext(seed=1, retries=9, budget=Budget(calls=5))
    result = create("self_consistency", generator, n=4).compile().invoke(QUESTION, context=context)["result"]
    assert result["spend"]["calls"] == len(generator.requests) == 5
    assert len(result["candidates"]) == 2
    assert result["failed"] == ["TimeoutError: late"] * 2


class Status(Exception):
    """An error as HTTP clients raise it."""

    def __init__(self, status_code: int) -> None:
        self.status_code = status_code


@pytest.mark.parametrize(
    ("error", "passing"),
    [
        (ConnectionResetError(), True),
        (TimeoutError(), True),
        (Status(429), True),
        (Status(503), True),
        (Status(400), False),
        (Status(404), False),
        (ValueError(), False),
        (OSError(28, "No space left on device"), False),
        (type("APIConnectionError", (Exception,), {})(), True),
    ],
)
def test_what_passes_by_itself(error: Exception, passing: bool) -> None:
    assert is_passing(error) is passing


def test_an_empty_sample_is_a_failure_that_was_paid_for() -> None:
    answers = iter(["", "  \n", r"\boxed{12}"])
    result = (
        create("self_consistency", ScriptedGenerator(lambda request: next(answers)), n=3).compile().invoke(QUESTION)
    )
    assert result["answer"] == "12"
    assert result["result"]["failed"] == ["The generator returned an empty sample."] * 2
    assert result["result"]["spend"]["calls"] == 3


def test_an_interrupt_is_not_taken_for_a_failed_sample() -> None:
    def stop(request: SampleRequest) -> str:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        create("single", ScriptedGenerator(stop)).compile().invoke(QUESTION)


@pytest.mark.parametrize("error", [InputError("not arithmetic"), ContinuationError("cannot continue")])
def test_a_question_no_model_can_read_is_the_callers_error(error: Exception) -> None:
    """Sixteen equal failures would hide what is wrong behind a failed search."""
    with pytest.raises(type(error), match=str(error)):
        create("self_consistency", flaky(99, error)).compile().invoke(QUESTION)


def test_a_reply_that_never_comes_is_a_failed_sample() -> None:
    class Forgetful(ToyGenerator):
        def batch_as_completed(
            self, inputs: Sequence[SampleRequest], config: Any = None, *, return_exceptions: bool = False, **kwargs: Any
        ) -> Iterator[tuple[int, Any]]:
            yield from list(super().batch_as_completed(inputs, return_exceptions=return_exceptions))[1:]

    result = create("self_consistency", Forgetful(), n=4).compile().invoke(QUESTION)["result"]
    assert result["failed"] == ["RuntimeError: The backend gave no reply."]
    assert len(result["candidates"]) == 3


def test_cached_prompt_tokens_cost_no_flops() -> None:
    """FLOPs are 2 x parameters x tokens processed; what a prefix cache served was not processed again."""
    sample = Sample(text=r"\boxed{12}", finish_reason="end", prompt_tokens=100, cached_tokens=80, generated_tokens=20)
    generator = ScriptedGenerator(lambda request: sample, parameters=10)
    spend = create("single", generator).compile().invoke(QUESTION)["result"]["spend"]
    assert spend["flops"] == 2 * 10 * (100 - 80 + 20)
    assert spend["cached_tokens"] == 80
