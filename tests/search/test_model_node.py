"""The executor of model calls: waves under a budget, retries, arrival order, deadlines. Seen through whole searches."""

import asyncio
import logging
import random
from collections.abc import AsyncIterator, Iterator, Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from its_graph import Budget, Sample, SampleRequest, SearchContext, create
from its_graph.contracts import Candidate
from its_graph.errors import ContinuationError, InputError
from its_graph.seeds import derive_seed
from its_graph.testing import ScriptedGenerator, ToyGenerator, ToyVerifier

QUESTION = {"problem": "Add 3, 5, 4."}


class Waves(ToyGenerator):
    """Records how many requests come together and answers them in random order."""

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


def test_what_a_wave_does_not_use_is_available_to_the_next() -> None:
    """A sample may take 64 tokens and takes 11: a budget of 160 covers two at their worst, then more and more."""
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


def test_a_call_too_expensive_at_its_worst_is_shortened() -> None:
    generator = ToyGenerator()
    context = SearchContext(seed=7, budget=Budget(generated_tokens=30))
    result = create("single", generator).compile().invoke(QUESTION, context=context)["result"]
    assert generator.requests[0].max_tokens == 30
    assert result["answer"] is not None


def test_a_call_too_short_to_be_useful_is_not_made() -> None:
    generator = ToyGenerator()
    context = SearchContext(seed=7, budget=Budget(generated_tokens=7))
    result = create("single", generator).compile().invoke(QUESTION, context=context)["result"]
    assert generator.requests == []
    assert result["stop_reason"] == "budget"


def flaky(failures: int, error: Exception) -> ScriptedGenerator:
    """Fail the first calls, then answer."""
    failures_left = iter([error] * failures)
    toy = ToyGenerator(0.0)

    def script(request: SampleRequest) -> str | Sample:
        for failure in failures_left:
            raise failure
        return toy.script(request)

    return ScriptedGenerator(script)


@pytest.mark.parametrize(("failures", "answered"), [(0, True), (2, True), (3, False)])
def test_a_transient_failure_is_retried_as_often_as_the_settings_say(failures: int, answered: bool) -> None:
    graph = create("self_consistency", flaky(failures, TimeoutError("late")), n=1).compile()
    if answered:
        assert graph.invoke(QUESTION, context=SearchContext(retries=2))["answer"] == "12"
    else:
        with pytest.raises(RuntimeError, match="TimeoutError: late"):
            graph.invoke(QUESTION, context=SearchContext(retries=2))


def test_retries_cost_calls_and_never_exceed_the_budget() -> None:
    generator = flaky(3, TimeoutError("late"))
    context = SearchContext(seed=1, retries=9, budget=Budget(calls=5))
    result = create("self_consistency", generator, n=4).compile().invoke(QUESTION, context=context)["result"]
    assert result["spend"]["calls"] == len(generator.requests) == 5
    assert len(result["candidates"]) == 2
    assert result["failed"] == ["TimeoutError: late"] * 2


def test_an_empty_sample_is_a_failure_that_is_charged() -> None:
    answers = iter(["", "  \n", r"\boxed{12}"])
    result = (
        create("self_consistency", ScriptedGenerator(lambda request: next(answers)), n=3).compile().invoke(QUESTION)
    )
    assert result["answer"] == "12"
    assert result["result"]["failed"] == ["The generator returned an empty sample."] * 2
    assert result["result"]["spend"]["calls"] == 3


def test_an_interrupt_is_not_a_failed_sample() -> None:
    def stop(request: SampleRequest) -> str:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        create("single", ScriptedGenerator(stop)).compile().invoke(QUESTION)


@pytest.mark.parametrize("error", [InputError("not arithmetic"), ContinuationError("cannot continue")])
def test_a_question_that_no_model_can_read_is_the_callers_error(error: Exception) -> None:
    """Sixteen equal failures would hide the cause behind a failed search."""
    with pytest.raises(type(error), match=str(error)):
        create("self_consistency", flaky(99, error)).compile().invoke(QUESTION)


def test_a_reply_that_never_comes_is_a_failed_sample() -> None:
    class Forgetful(ToyGenerator):
        def batch_as_completed(
            self, inputs: Sequence[SampleRequest], config: Any = None, *, return_exceptions: bool = False, **kwargs: Any
        ) -> Iterator[tuple[int, Any]]:
            yield from list(super().batch_as_completed(inputs, return_exceptions=return_exceptions))[1:]

    result = create("self_consistency", Forgetful(), n=4).compile().invoke(QUESTION)["result"]
    assert result["failed"] == ["RuntimeError: The backend returned no reply."]
    assert len(result["candidates"]) == 3


def test_cached_prompt_tokens_cost_no_flops() -> None:
    """FLOPs are 2 x parameters x tokens processed; what a prefix cache served was not processed again."""
    sample = Sample(text=r"\boxed{12}", finish_reason="end", prompt_tokens=100, cached_tokens=80, generated_tokens=20)
    generator = ScriptedGenerator(lambda request: sample, parameters=10)
    spend = create("single", generator).compile().invoke(QUESTION)["result"]["spend"]
    assert spend["flops"] == 2 * 10 * (100 - 80 + 20)
    assert spend["cached_tokens"] == 80


# --- retries: their order and their backoff --------------------------------------------------------------------------


@pytest.mark.parametrize("order_seed", range(4))
def test_calls_are_retried_in_plan_order_whatever_the_order_of_arrival(order_seed: int) -> None:
    class Late(Waves):
        """Fails the first six calls."""

        def invoke(self, input: SampleRequest, config: Any = None, **kwargs: Any) -> list[Sample]:
            samples = super().invoke(input)
            if len(self.requests) <= 6:
                raise TimeoutError("late")
            return samples

    generator = Late(order_seed)
    context = SearchContext(seed=1, budget=Budget(calls=8))
    result = create("self_consistency", generator, n=6).compile().invoke(QUESTION, context=context)["result"]
    assert [candidate["id"] for candidate in result["candidates"]] == ["0", "1"]
    assert [request.seed for request in generator.requests[6:]] == [request.seed for request in generator.requests[:2]]


class FakeClock:
    """Replaces the clock and both ways to sleep; time advances with a sleep or a `tick`."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 0.0
        self.slept: list[float] = []
        monkeypatch.setattr(
            "its_graph.search.model_node.time", SimpleNamespace(perf_counter=lambda: self.now, sleep=self.sleep)
        )
        monkeypatch.setattr("its_graph.search.model_node.asyncio", SimpleNamespace(sleep=self.asleep))

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.tick(seconds)

    async def asleep(self, seconds: float) -> None:
        self.sleep(seconds)

    def tick(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> FakeClock:
    return FakeClock(monkeypatch)


@pytest.mark.parametrize("is_async", [False, True])
async def test_calls_are_retried_after_a_backoff_that_depends_on_seed_and_attempt(
    is_async: bool, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    backoffs: list[tuple[int, list[str], int]] = []

    def fake_backoff_s(attempts: int, errors: Sequence[Exception], seed: int) -> float:
        backoffs.append((attempts, list(map(str, errors)), seed))
        return float(attempts)

    monkeypatch.setattr("its_graph.search.model_node.backoff_s", fake_backoff_s)
    for _ in range(2):
        graph = create("self_consistency", flaky(3, TimeoutError("late")), n=2).compile()
        context = SearchContext(seed=7, retries=2)
        out = await graph.ainvoke(QUESTION, context=context) if is_async else graph.invoke(QUESTION, context=context)
        assert out["answer"] == "12"
    assert clock.slept == [1.0, 2.0] * 2
    assert [(attempts, errors) for attempts, errors, _ in backoffs[:2]] == [(1, ["late"] * 2), (2, ["late"])]
    assert backoffs[:2] == backoffs[2:]
    assert backoffs[0][2] != backoffs[1][2]


def test_a_backoff_leaves_time_for_the_calls_after_it(clock: FakeClock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("its_graph.search.model_node.backoff_s", lambda attempts, errors, seed: 8.0)
    generator = flaky(1, TimeoutError("late"))
    context = SearchContext(seed=7, budget=Budget(seconds=6))
    result = create("self_consistency", generator, n=1).compile().invoke(QUESTION, context=context)["result"]
    assert result["answer"] == "12"
    assert clock.slept == [3.0]
    assert [request.timeout_s for request in generator.requests] == [6.0, 3.0]


def test_the_time_of_a_running_node_counts_against_the_seconds(clock: FakeClock) -> None:
    """Each call takes a second; two fit into the first wave, and time runs out after the second wave."""
    toy = ToyGenerator(0.0)

    def slow(request: SampleRequest) -> str:
        clock.tick(1.0)
        return str(toy.script(request))

    generator = ScriptedGenerator(slow)
    budget = Budget(generated_tokens=250, seconds=5)
    graph = create("self_consistency", generator, n=16).compile()
    result = graph.invoke(QUESTION, context=SearchContext(seed=7, budget=budget))["result"]
    assert len(generator.requests) == len(result["candidates"]) == 6
    assert result["spend"]["seconds"] == 6
    assert result["stop_reason"] == "budget"


def test_a_deadline_is_never_zero_or_less(clock: FakeClock) -> None:
    """Time that passes between admission and call must not turn a deadline into no deadline."""

    class SlowCounting(ToyGenerator):
        def prompt_tokens(self, request: SampleRequest) -> int:
            clock.tick(10.0)
            return super().prompt_tokens(request)

    generator = SlowCounting()
    context = SearchContext(seed=7, budget=Budget(seconds=5))
    create("single", generator).compile().invoke(QUESTION, context=context)
    assert len(generator.requests) == 1
    assert 0 < (generator.requests[0].timeout_s or 0) < 0.1


# --- the log ---------------------------------------------------------------------------------------------------------


def test_waves_retries_and_refusals_are_logged(clock: FakeClock, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, logger="its_graph")
    context = SearchContext(seed=7, budget=Budget(calls=3))
    create("self_consistency", flaky(1, TimeoutError("late")), n=4).compile().invoke(QUESTION, context=context)
    assert [record.getMessage() for record in caplog.records if record.name == "its_graph"] == [
        "generate: admitted 3 calls (0, 1, 2); budget left: calls=3",
        "generate: retrying call 0 (attempt 1 failed: TimeoutError('late'))",
        "generate: refused 2 calls (0, 3); budget left: calls=0",
    ]


def test_without_a_budget_the_log_says_so(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, logger="its_graph")
    create("single", ToyGenerator()).compile().invoke(QUESTION)
    assert caplog.messages == ["generate: admitted 1 calls (0); budget left: unlimited"]


def test_nothing_is_logged_above_debug(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="its_graph")
    create("single", ToyGenerator()).compile().invoke(QUESTION)
    assert caplog.messages == []


# --- calls without a price -------------------------------------------------------------------------------------------


def test_a_sample_that_cannot_be_priced_fails_alone() -> None:
    class Uncounted(ToyGenerator):
        def prompt_tokens(self, request: SampleRequest) -> int:
            if request.seed == derive_seed(7, "2"):
                raise ValueError("no tokenizer")
            return super().prompt_tokens(request)

    graph = create("self_consistency", Uncounted(), n=4).compile()
    result = graph.invoke(QUESTION, context=SearchContext(seed=7, budget=Budget(calls=9)))["result"]
    reason = "RuntimeError: The call has no known price, so it was not made under a budget: ValueError: no tokenizer"
    assert result["failed"] == [reason]
    assert [candidate["id"] for candidate in result["candidates"]] == ["0", "1", "3"]
    assert result["spend"]["calls"] == 3
    assert result["stop_reason"] == "completed"


def test_a_verdict_that_cannot_be_priced_fails_alone() -> None:
    class Uncounted(ToyVerifier):
        """Cannot count the second candidate once it is finished."""

        def tokens(self, candidate: Candidate) -> int:
            if candidate.finished and "9" in "".join(candidate.steps):
                raise ValueError("too long")
            return super().tokens(candidate)

    texts = iter([r"\boxed{12}", r"\boxed{9}", r"\boxed{12}"])
    generator = ScriptedGenerator(lambda request: next(texts))
    graph = create("best_of_n", generator, Uncounted(), n=3).compile()
    result = graph.invoke(QUESTION, context=SearchContext(seed=7, budget=Budget(tokens=900)))["result"]
    scores = {candidate["id"]: candidate["score"] for candidate in result["candidates"]}
    assert scores == {"0": 0.9, "1": None, "2": 0.9}
    assert result["unscored"] == 1
    assert result["answer"] == "12"


def test_if_no_call_can_be_priced_the_search_fails_and_says_why() -> None:
    class Uncounted(ToyGenerator):
        def prompt_tokens(self, request: SampleRequest) -> int:
            raise ValueError("no tokenizer")

    with pytest.raises(RuntimeError, match=r"All samples failed \(2 of 2\).*no known price.*no tokenizer"):
        create("self_consistency", Uncounted(), n=2).compile().invoke(
            QUESTION, context=SearchContext(budget=Budget(calls=9))
        )


def test_a_question_that_cannot_be_priced_is_the_callers_error() -> None:
    class Refusing(ToyGenerator):
        def prompt_tokens(self, request: SampleRequest) -> int:
            raise InputError("not arithmetic")

    with pytest.raises(InputError, match="not arithmetic"):
        create("self_consistency", Refusing(), n=2).compile().invoke(
            QUESTION, context=SearchContext(budget=Budget(calls=9))
        )


def test_a_reserve_that_cannot_be_priced_reserves_nothing() -> None:
    """A step search reserves the completion of a path; a path that cannot be priced cannot be completed."""

    class Uncounted(ToyGenerator):
        def prompt_tokens(self, request: SampleRequest) -> int:
            if not request.stop:
                raise ValueError("no tokenizer")
            return super().prompt_tokens(request)

    graph = create("beam_search", Uncounted(0.0), ToyVerifier(), n=4, width=2).compile()
    result = graph.invoke(QUESTION, context=SearchContext(seed=7, budget=Budget(calls=99)))["result"]
    assert result["answer"] == "12"
