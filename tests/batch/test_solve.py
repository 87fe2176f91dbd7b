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


class Metered:
    """Counts what the models really did, independently of every ledger of the library."""

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
    """Writes a random number of tokens up to its limit, and sometimes fails."""

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
    assert [result.problem_index for result in report.results] == list(range(problems))
    for name, limit in limits.items():
        assert meter.used[name] <= limit
    assert report.spend.calls == meter.used["calls"]
    assert report.spend.tokens == meter.used["tokens"]
    assert report.spend.flops == pytest.approx(meter.used["flops"])


@each_plan
async def test_unused_budget_is_divided_again(plan: Callable[[], AllocationPlan]) -> None:
    report = await solve_batch(sums(60), ToyGenerator(0.8), ToyVerifier(), budget=Budget(tokens=15_000), plan=plan())
    assert 14_600 < report.spend.tokens <= 15_000


@each_plan
@pytest.mark.parametrize("verifier", [ToyVerifier(), None], ids=["judged", "voted"])
async def test_a_search_equals_the_same_search_run_alone(
    plan: Callable[[], AllocationPlan], verifier: ToyVerifier | None
) -> None:
    """Pilots are kept and paid for once: the search equals best-of-n with the final n of the problem."""
    problems = sums(20)
    report = await solve_batch(
        problems, ToyGenerator(0.4), verifier, budget=Budget(tokens=8000), plan=plan(), seed=5, concurrency=3
    )
    assert len({result.samples for result in report.results}) > (1 if plan is not uniform_plan else 0)
    for result in report.results:
        factory: Any = create_best_of_n if verifier else create_self_consistency
        models = (ToyGenerator(0.4), verifier) if verifier else (ToyGenerator(0.4),)
        graph = factory(*models, n=result.samples).compile()
        seed = derive_seed(5, str(result.problem_index))
        alone = graph.invoke({"problem": problems[result.problem_index]}, context=SearchContext(seed=seed))["result"]
        assert result.result["candidates"] == alone["candidates"]
        assert (result.answer, result.text) == (alone["answer"], alone["text"])
        assert result.spend._replace(seconds=0) == result.spend._replace(**alone["spend"])._replace(seconds=0)


@each_plan
async def test_a_batch_is_reproducible_at_any_concurrency(plan: Callable[[], AllocationPlan]) -> None:
    async def solved(concurrency: int) -> list[Any]:
        report = await solve_batch(
            sums(40),
            ToyGenerator(0.4),
            ToyVerifier(),
            budget=Budget(tokens=9000),
            plan=plan(),
            seed=1,
            concurrency=concurrency,
        )
        return [(result.answer, result.samples, result.stop_reason, result.score) for result in report.results]

    assert await solved(1) == await solved(7)


@each_plan
async def test_every_problem_gets_an_attempt_if_the_budget_allows_one(plan: Callable[[], AllocationPlan]) -> None:
    problems = [f"Add {', '.join('1' * 8)}."] * 30  # 7 steps of 5 words and the answer, read once more by the verifier
    attempt = 9 + 36 + 9 + 36
    worst = 9 + 64 + 9 + 64 + 64  # plus one separator per word
    report = await solve_batch(
        problems, ToyGenerator(0.3), ToyVerifier(), budget=Budget(tokens=29 * attempt + worst), plan=plan()
    )
    assert report.unanswered == 0
    fewer = await solve_batch(
        problems, ToyGenerator(0.3), ToyVerifier(), budget=Budget(tokens=10 * attempt), plan=plan()
    )
    assert 9 <= 30 - fewer.unanswered <= 10
    assert {solved.stop_reason for solved in fewer.results if solved.answer is None} == {"budget"}
    nothing = await solve_batch(problems, ToyGenerator(0.3), ToyVerifier(), budget=Budget(tokens=0), plan=plan())
    assert (nothing.unanswered, nothing.samples, nothing.spend.tokens) == (30, 0, 0)


async def test_a_custom_plan_and_its_view() -> None:
    views = []

    def plan(view: Any) -> list[Any]:
        views.append({index: stats.samples for index, stats in view.open.items()})
        return []

    report = await solve_batch(sums(3), ToyGenerator(), ToyVerifier(), budget=Budget(calls=100), plan=plan)
    assert views == [{0: 1, 1: 1, 2: 1}]
    assert {result.stop_reason for result in report.results} == {"budget"}


async def test_results_stream_and_closing_early_stops_the_rest() -> None:
    generator = ToyGenerator(0.3)
    stream = stream_solutions(
        sums(500), generator, ToyVerifier(), budget=Budget(calls=1100), plan=adaptive_plan(solved=0.85), concurrency=2
    )
    async with aclosing(stream) as results:
        first = [await anext(results) for _ in range(3)]
    assert [result.stop_reason for result in first] == ["solved"] * 3
    drawn = len(generator.requests)
    assert 500 <= drawn <= 510
    await asyncio.sleep(0)
    assert len(generator.requests) == drawn


async def test_a_refused_question_affects_no_other_problem() -> None:
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
    assert [result.error for result in report.results[:3]] == [None] * 3
    assert report.results[3].error == "Only sums."
    assert "out of order" in str(report.results[4].error)
    assert report.unanswered == 2
    assert [report.results[4].stop_reason, report.results[4].answer, report.results[4].score] == ["failed", None, None]
    assert [result.stop_reason for result in report.results if result.refused] == ["refused"]


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


async def test_a_failed_first_sample_is_drawn_again() -> None:
    toy, attempts = ToyGenerator(0.3), Counter[str]()

    def script(request: SampleRequest) -> Any:
        question = str(request.messages[-1]["content"])
        attempts[question] += 1
        if attempts[question] < 3:
            raise ValueError("not yet")
        return toy.script(request)

    report = await solve_batch(
        sums(4), ScriptedGenerator(script), ToyVerifier(), budget=Budget(calls=60), plan=uniform_plan(max_samples=3)
    )
    assert [(result.samples, result.error, result.answer is None) for result in report.results] == [
        (3, None, False)
    ] * 4


@pytest.mark.parametrize("verifier", [ToyVerifier(), None], ids=["judged", "voted"])
async def test_a_flops_budget_needs_a_model_with_known_parameters(verifier: ToyVerifier | None) -> None:
    with closing(JsonLines.temporary()) as lines:
        journal = Journal(lines)
        refused = stream_solutions(sums(2), ToyGenerator(), verifier, budget=Budget(flops=1e9), journal=journal)
        with pytest.raises(ConfigurationError, match="does not know its model's number of parameters"):
            await anext(refused)
        assert journal.spent == NOTHING
    report = await solve_batch(sums(2), ToyGenerator(parameters=2), verifier, budget=Budget(flops=9_000.0))
    assert 0 < report.spend.flops <= 9_000


async def test_the_context_limits_each_search() -> None:
    report = await solve_batch(
        sums(4),
        ToyGenerator(0.9),
        ToyVerifier(),
        budget=Budget(calls=200),
        context=SearchContext(budget=Budget(calls=6)),
    )
    assert max(result.spend.calls for result in report.results) == 6


@pytest.mark.parametrize("budget", [Budget(), Budget(seconds=3, calls=4)])
async def test_invalid_batch_budgets(budget: Budget) -> None:
    with pytest.raises(ConfigurationError, match=r"tokens, generated_tokens, calls or flops"):
        await solve_batch(sums(2), ToyGenerator(), budget=budget)


async def test_misuse() -> None:
    with pytest.raises(ConfigurationError, match="concurrency"):
        await solve_batch(sums(2), ToyGenerator(), budget=Budget(calls=4), concurrency=0)
    with pytest.raises(InputError, match="Problem 1 is empty"):
        await solve_batch(["Add 1, 2.", " "], ToyGenerator(), budget=Budget(calls=4))


async def test_a_setup_error_ends_the_batch() -> None:
    def script(request: SampleRequest) -> str:
        raise ContinuationError("It cannot.")

    with pytest.raises(ContinuationError):
        await solve_batch(sums(2), ScriptedGenerator(script), budget=Budget(calls=4))


class _MarkingVerifier(ToyVerifier):
    """Reads a separator after each step, which the price of an unwritten text cannot include."""

    def tokens(self, candidate: Candidate) -> int:
        return super().tokens(candidate) + len(candidate.steps)


async def test_a_sample_of_maximum_length_is_still_verified() -> None:
    report = await solve_batch(
        ["Add 1, 1, 1, 1, 1, 1, 1, 1."] * 3,
        ToyGenerator(0.3),
        _MarkingVerifier(),
        budget=Budget(tokens=2_000),
        plan=lambda view: [],
        context=SearchContext(max_tokens=36),
    )
    assert [result.samples for result in report.results] == [1, 1, 1]
    assert [result.score is None for result in report.results] == [False] * 3
