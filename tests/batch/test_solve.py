"""Many problems under one budget, in the toy world."""

import asyncio
import random
from collections import Counter
from collections.abc import Callable
from contextlib import aclosing, closing
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_core.runnables import RunnableConfig

from its_graph.batch import (
    AllocationPlan,
    adaptive_plan,
    beta_greedy_plan,
    hardest_first_plan,
    solve_batch,
    stream_solutions,
    uniform_plan,
)
from its_graph.batch.journal import Journal
from its_graph.budget import NOTHING, Budget
from its_graph.context import SearchContext
from its_graph.contracts import Candidate, Sample, SampleRequest, Verdict
from its_graph.errors import ConfigurationError, ContinuationError, InputError
from its_graph.graphs import create_best_of_n, create_self_consistency
from its_graph.jsonl import JsonLines
from its_graph.seeds import derive_seed
from its_graph.testing import ScriptedGenerator, ScriptedVerifier, ToyGenerator, ToyVerifier

PLANS: dict[str, Callable[[], AllocationPlan]] = {
    "uniform": uniform_plan,
    "hardest_first": hardest_first_plan,
    "beta_greedy": beta_greedy_plan,
    "adaptive": lambda: adaptive_plan(solved=0.85),
}
each_plan = pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS)


def sums(n: int, seed: int = 3) -> list[str]:
    """Problems of one to seven steps."""
    chance = random.Random(seed)
    return [f"Add {', '.join(str(chance.randint(1, 9)) for _ in range(chance.randint(2, 8)))}." for _ in range(n)]


def right(problem: str) -> str:
    return str(sum(int(word.strip(",.")) for word in problem.split()[1:]))


class Metered:
    """Counts what models really did, apart from every ledger of the library."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.used = {"calls": 0, "generated_tokens": 0, "tokens": 0, "flops": 0.0}
        self.generator = _Generator(self)
        self.verifier = _Verifier(self)

    def count(self, generated: int, read: int, parameters: int) -> None:
        self.used["calls"] += 1
        self.used["generated_tokens"] += generated
        self.used["tokens"] += generated + read
        self.used["flops"] += 2.0 * parameters * (generated + read)


class _Generator(ScriptedGenerator):
    """Writes any number of tokens up to its limit, and fails now and then."""

    max_tokens = 40

    def __init__(self, meter: Metered) -> None:
        super().__init__(lambda request: "", parameters=3)
        self.meter = meter

    def invoke(self, input: SampleRequest, config: RunnableConfig | None = None, **kwargs: Any) -> list[Sample]:
        wanted = self.meter.chance.randint(1, 50)
        if wanted == 13:
            self.meter.count(0, 0, 0)
            raise RuntimeError("a bad sample")
        length, prompt = min(wanted, input.max_tokens), self.prompt_tokens(input)
        self.meter.count(length, prompt, self.parameters)
        text = "word " * (length - 1) + rf"\boxed{{{wanted % 5}}}"
        reason: Any = "length" if wanted > input.max_tokens else "end"
        return [Sample(text=text, finish_reason=reason, prompt_tokens=prompt, generated_tokens=length)]


class _Verifier(ScriptedVerifier):
    def __init__(self, meter: Metered) -> None:
        super().__init__(lambda candidate: 0.0, parameters=7)
        self.meter = meter

    def invoke(self, input: Candidate, config: RunnableConfig | None = None, **kwargs: Any) -> Verdict:
        read, value = self.tokens(input), self.meter.chance.random()
        self.meter.count(0, read, self.parameters)
        return Verdict(scores=(value,) * len(input.steps), value=value, tokens=read)


LIMITS = {"calls": 60, "generated_tokens": 1500, "tokens": 4000, "flops": 40_000.0}


@given(
    plan=st.sampled_from(sorted(PLANS)),
    shares=st.dictionaries(st.sampled_from(sorted(LIMITS)), st.floats(0, 1), min_size=1),
    problems=st.integers(0, 9),
    seed=st.integers(0, 2**20),
    judged=st.booleans(),
    concurrency=st.integers(1, 5),
)
@settings(max_examples=40, deadline=None)
def test_the_total_is_never_exceeded(
    plan: str, shares: dict[str, float], problems: int, seed: int, judged: bool, concurrency: int
) -> None:
    meter = Metered(seed)
    limits = {name: type(LIMITS[name])(LIMITS[name] * share) for name, share in shares.items()}
    report = asyncio.run(
        solve_batch(
            sums(problems, seed),
            meter.generator,
            meter.verifier if judged else None,
            budget=Budget.model_validate(limits),
            plan=PLANS[plan](),
            seed=seed,
            concurrency=concurrency,
        )
    )
    assert [one.index for one in report.results] == list(range(problems))
    for name, limit in limits.items():
        assert meter.used[name] <= limit
    assert report.spend.calls == meter.used["calls"]
    assert report.spend.tokens == meter.used["tokens"]
    assert report.spend.flops == pytest.approx(meter.used["flops"])


@each_plan
async def test_what_a_search_did_not_use_is_shared_out_again(plan: Callable[[], AllocationPlan]) -> None:
    report = await solve_batch(sums(60), ToyGenerator(0.8), ToyVerifier(), budget=Budget(tokens=15_000), plan=plan())
    assert 14_600 < report.spend.tokens <= 15_000


@each_plan
@pytest.mark.parametrize("verifier", [ToyVerifier(), None], ids=["judged", "voted"])
async def test_a_search_is_the_one_that_would_have_been_run_alone(
    plan: Callable[[], AllocationPlan], verifier: ToyVerifier | None
) -> None:
    """Pilots are kept, and paid once: sample for sample it is best-of-n with the n that the problem came to."""
    problems = sums(20)
    report = await solve_batch(
        problems, ToyGenerator(0.4), verifier, budget=Budget(tokens=8000), plan=plan(), seed=5, concurrency=3
    )
    assert len({one.samples for one in report.results}) > (1 if plan is not uniform_plan else 0)
    for one in report.results:
        factory: Any = create_best_of_n if verifier else create_self_consistency
        models = (ToyGenerator(0.4), verifier) if verifier else (ToyGenerator(0.4),)
        alone = factory(*models, n=one.samples).compile()
        seed = derive_seed(5, str(one.index))
        result = alone.invoke({"problem": problems[one.index]}, context=SearchContext(seed=seed))["result"]
        assert one.result["candidates"] == result["candidates"]
        assert (one.answer, one.text) == (result["answer"], result["text"])
        assert one.spend._replace(seconds=0) == one.spend._replace(**result["spend"])._replace(seconds=0)


@each_plan
async def test_whatever_the_concurrency_it_repeats(plan: Callable[[], AllocationPlan]) -> None:
    async def solved(concurrency: int) -> list[Any]:
        given = solve_batch(
            sums(40),
            ToyGenerator(0.4),
            ToyVerifier(),
            budget=Budget(tokens=9000),
            plan=plan(),
            seed=1,
            concurrency=concurrency,
        )
        return [(one.answer, one.samples, one.stop_reason, one.score) for one in (await given).results]

    assert await solved(1) == await solved(7)


@each_plan
async def test_everybody_gets_an_attempt_where_the_budget_allows_one(plan: Callable[[], AllocationPlan]) -> None:
    problems = [f"Add {', '.join('1' * 8)}."] * 30  # 7 steps of 5 words and the answer, read once again by the verifier
    one = 9 + 36 + 9 + 36
    worst = 9 + 64 + 9 + 64 + 64  # and a mark for each word
    report = await solve_batch(
        problems, ToyGenerator(0.3), ToyVerifier(), budget=Budget(tokens=29 * one + worst), plan=plan()
    )
    assert report.unanswered == 0
    fewer = await solve_batch(problems, ToyGenerator(0.3), ToyVerifier(), budget=Budget(tokens=10 * one), plan=plan())
    assert 9 <= 30 - fewer.unanswered <= 10
    assert {solved.stop_reason for solved in fewer.results if solved.answer is None} == {"budget"}
    nothing = await solve_batch(problems, ToyGenerator(0.3), ToyVerifier(), budget=Budget(tokens=0), plan=plan())
    assert (nothing.unanswered, nothing.samples, nothing.spend.tokens) == (30, 0, 0)


async def test_a_plan_of_your_own_and_what_it_is_told() -> None:
    views = []

    def plan(view: Any) -> list[Any]:
        views.append({number: one.samples for number, one in view.open.items()})
        return []

    report = await solve_batch(sums(3), ToyGenerator(), ToyVerifier(), budget=Budget(calls=100), plan=plan)
    assert views == [{0: 1, 1: 1, 2: 1}]
    assert {one.stop_reason for one in report.results} == {"budget"}


async def test_problems_stream_out_and_leaving_early_stops_the_rest() -> None:
    generator = ToyGenerator(0.3)
    given = stream_solutions(
        sums(500), generator, ToyVerifier(), budget=Budget(calls=1100), plan=adaptive_plan(solved=0.85), concurrency=2
    )
    async with aclosing(given) as arriving:
        first = [await anext(arriving) for _ in range(3)]
    assert [one.stop_reason for one in first] == ["solved"] * 3
    drawn = len(generator.requests)
    assert 500 <= drawn <= 510
    await asyncio.sleep(0)
    assert len(generator.requests) == drawn


async def test_what_cannot_be_asked_loses_itself_only() -> None:
    toy = ToyGenerator(0.3)

    def script(request: SampleRequest) -> Any:
        question = str(request.messages[-1]["content"])
        if "poem" in question:
            raise InputError("Only sums.")
        if "broken" in question:
            raise RuntimeError("out of order")
        return toy.script(request)

    problems = [*sums(3), "A poem.", "broken"]
    report = await solve_batch(problems, ScriptedGenerator(script), ToyVerifier(), budget=Budget(tokens=5000))
    assert [one.error for one in report.results[:3]] == [None] * 3
    assert report.results[3].error == "Only sums."
    assert "out of order" in str(report.results[4].error)
    assert report.unanswered == 2
    assert [report.results[4].stop_reason, report.results[4].answer, report.results[4].score] == ["failed", None, None]
    assert [one.stop_reason for one in report.results if one.refused] == ["refused"]


@each_plan
async def test_a_problem_whose_calls_always_fail_gets_less_than_its_share(plan: Callable[[], AllocationPlan]) -> None:
    toy = ToyGenerator(0.3)

    def script(request: SampleRequest) -> Any:
        if "Add 3," in str(request.messages[-1]["content"]):
            raise ValueError("out of order")
        return toy.script(request)

    problems = [f"Add {number}, 5, 4, {number + 1}." for number in range(10)]
    report = await solve_batch(
        problems, ScriptedGenerator(script), ToyVerifier(), budget=Budget(calls=160), plan=plan()
    )
    lost = report.results[3]
    assert (lost.spend.calls, lost.stop_reason, report.unanswered) == (3, "failed", 1)
    assert lost.spend.calls < 160 / 10


async def test_a_first_sample_that_fails_is_drawn_again() -> None:
    toy, asked = ToyGenerator(0.3), Counter[str]()

    def script(request: SampleRequest) -> Any:
        question = str(request.messages[-1]["content"])
        asked[question] += 1
        if asked[question] < 3:
            raise ValueError("not yet")
        return toy.script(request)

    report = await solve_batch(
        sums(4), ScriptedGenerator(script), ToyVerifier(), budget=Budget(calls=60), plan=uniform_plan(max_samples=3)
    )
    assert [(one.samples, one.error, one.answer is None) for one in report.results] == [(3, None, False)] * 4


@pytest.mark.parametrize("verifier", [ToyVerifier(), None], ids=["judged", "voted"])
async def test_flops_that_nobody_counts_are_no_budget(verifier: ToyVerifier | None) -> None:
    with closing(JsonLines.temporary()) as lines:
        journal = Journal(lines)
        refused = stream_solutions(sums(2), ToyGenerator(), verifier, budget=Budget(flops=1e9), journal=journal)
        with pytest.raises(ConfigurationError, match="does not know its model's parameters"):
            await anext(refused)
        assert journal.spent == NOTHING
    report = await solve_batch(sums(2), ToyGenerator(parameters=2), verifier, budget=Budget(flops=9_000.0))
    assert 0 < report.spend.flops <= 9_000


async def test_a_search_has_its_own_limit_too() -> None:
    report = await solve_batch(
        sums(4),
        ToyGenerator(0.9),
        ToyVerifier(),
        budget=Budget(calls=200),
        context=SearchContext(budget=Budget(calls=6)),
    )
    assert max(one.spend.calls for one in report.results) == 6


@pytest.mark.parametrize("budget", [Budget(), Budget(seconds=3, calls=4)])
async def test_a_budget_that_is_none(budget: Budget) -> None:
    with pytest.raises(ConfigurationError, match=r"tokens, generated_tokens, calls or flops"):
        await solve_batch(sums(2), ToyGenerator(), budget=budget)


async def test_misuse() -> None:
    with pytest.raises(ConfigurationError, match="concurrency"):
        await solve_batch(sums(2), ToyGenerator(), budget=Budget(calls=4), concurrency=0)
    with pytest.raises(InputError, match="Problem 1 is empty"):
        await solve_batch(["Add 1, 2.", " "], ToyGenerator(), budget=Budget(calls=4))


async def test_what_is_wrong_with_the_set_up_ends_the_batch() -> None:
    def script(request: SampleRequest) -> str:
        raise ContinuationError("It cannot.")

    with pytest.raises(ContinuationError):
        await solve_batch(sums(2), ScriptedGenerator(script), budget=Budget(calls=4))


class _MarkingVerifier(ToyVerifier):
    """Reads a mark behind each step, which no price of a text still to be written knows of."""

    def tokens(self, candidate: Candidate) -> int:
        return super().tokens(candidate) + len(candidate.steps)


async def test_a_sample_that_is_as_long_as_allowed_is_judged_all_the_same() -> None:
    report = await solve_batch(
        ["Add 1, 1, 1, 1, 1, 1, 1, 1."] * 3,
        ToyGenerator(0.3),
        _MarkingVerifier(),
        budget=Budget(tokens=2_000),
        plan=lambda view: [],
        context=SearchContext(max_tokens=36),
    )
    assert [one.samples for one in report.results] == [1, 1, 1]
    assert [one.score is None for one in report.results] == [False] * 3
