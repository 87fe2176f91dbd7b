"""its_graph.evaluation in the toy world, where accuracies are known in advance."""

import asyncio
import random
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from its_graph import Budget, SearchContext, create
from its_graph.budget import Spend
from its_graph.contracts import Sample, SampleRequest
from its_graph.errors import ConfigurationError
from its_graph.evaluation import Outcome, compare_outcomes, evaluate, summarize_outcomes
from its_graph.seeds import derive_seed
from its_graph.testing import ScriptedGenerator, ToyGenerator, ToyVerifier

TERMS = 4


def toy_problems(n: int) -> list[tuple[str, str]]:
    """Sums of four numbers, three steps each."""
    chance = random.Random(11)
    sums = [[chance.randint(1, 9) for _ in range(TERMS)] for _ in range(n)]
    return [(f"Add {', '.join(map(str, terms))}.", str(sum(terms))) for terms in sums]


def outcome(index: int = 0, **changes: Any) -> Outcome:
    fields: dict[str, Any] = {
        "index": index,
        "problem": "Add 1, 2.",
        "expected": "3",
        "answer": "3",
        "correct": True,
        "candidates": 4,
        "correct_candidates": 1,
        "finished": 4,
        "correct_finished": 1,
        "spend": Spend(calls=4, prompt_tokens=8, generated_tokens=40, verifier_tokens=6, flops=100.0),
        "seconds": 0.5,
        "seed": 1,
    }
    return Outcome(**fields | changes)


async def toy_outcomes(name: str, n_problems: int, **options: Any) -> list[Outcome]:
    generator, verifier = ToyGenerator(0.3, parameters=10), ToyVerifier(parameters=3)
    graph = create(name, generator, verifier, **options).compile()
    return await evaluate(graph, toy_problems(n_problems), seed=7)


async def test_a_single_sample_is_correct_as_often_as_all_its_steps() -> None:
    """Accuracy (1 - error) ** steps = .7 ** 3 = .343; 400 problems give a standard error of .024."""
    row = summarize_outcomes(await toy_outcomes("single", 400))
    assert row.accuracy == pytest.approx(0.7**3, abs=3 * 0.024)
    assert row.ci95.low < 0.7**3 < row.ci95.high
    assert row.problems == 400
    assert row.pass_at_n is None
    assert row.random is None


async def test_a_perfect_verifier_matches_the_oracle() -> None:
    """The toy verifier is perfect, so best-of-8 fails only where all 8 samples do: 1 - .657 ** 8 = .965."""
    outcomes = await toy_outcomes("best_of_n", 200, n=8)
    row = summarize_outcomes(outcomes)
    assert row.pass_at_n is not None
    assert row.pass_at_n == pytest.approx(1 - 0.657**8, abs=0.04)
    assert row.accuracy <= row.pass_at_n
    assert row.random == pytest.approx(0.7**3, abs=0.04)


async def test_strategies_rank_as_expected() -> None:
    rows = [
        summarize_outcomes(await toy_outcomes(name, 200, **options))
        for name, options in (("single", {}), ("self_consistency", {"n": 16}), ("best_of_n", {"n": 16}))
    ]
    assert rows[0].accuracy < rows[1].accuracy < rows[2].accuracy


async def test_costs_are_means_of_the_ledgers() -> None:
    """A sample of 3 steps and a box has 16 words, its problem 5; the verifier reads both."""
    row = summarize_outcomes(await toy_outcomes("best_of_n", 5, n=1))
    assert row.mean_calls == 2
    assert (row.mean_prompt_tokens, row.mean_generated_tokens, row.mean_verifier_tokens) == (5, 16, 21)
    assert row.mean_flops == 2 * 10 * (5 + 16) + 2 * 3 * 21
    assert row.seconds > 0


async def test_each_problem_has_its_own_seed_whatever_runs_concurrently() -> None:
    problems = toy_problems(12)
    graph = create("single", ToyGenerator(0.3)).compile()
    alone = await evaluate(graph, problems, seed=3, concurrency=1)
    concurrent = await evaluate(graph, problems, seed=3, concurrency=12)
    fewer = await evaluate(graph, problems[:5], seed=3)
    assert [result.seed for result in alone] == [derive_seed(3, str(index)) for index in range(12)]
    answers = [result.answer for result in alone]
    assert [result.answer for result in concurrent] == answers
    assert [result.answer for result in fewer] == answers[:5]
    assert [result.answer for result in await evaluate(graph, problems, seed=4)] != answers


async def test_context_reaches_every_search() -> None:
    graph = create("single", ToyGenerator(0.9)).compile()
    greedy = await evaluate(graph, toy_problems(6), context=SearchContext(temperature=0))
    assert summarize_outcomes(greedy).accuracy == 1.0
    starved = await evaluate(graph, toy_problems(6), context=SearchContext(budget=Budget(tokens=0)))
    assert summarize_outcomes(starved).accuracy == 0.0
    assert summarize_outcomes(starved).mean_calls == 0


class Counting(ScriptedGenerator):
    """Counts calls in flight; answers none before there are three."""

    def __init__(self) -> None:
        super().__init__(lambda request: r"\boxed{1}")
        self.in_flight = self.maximum = 0
        self.reached = asyncio.Event()

    async def abatch_as_completed(self, inputs: Any, config: Any = None, **kwargs: Any) -> Any:
        self.in_flight += 1
        self.maximum = max(self.maximum, self.in_flight)
        if self.in_flight == 3:
            self.reached.set()
        await self.reached.wait()
        await asyncio.sleep(0.01)
        self.in_flight -= 1
        for index, request in enumerate(inputs):
            yield index, self.invoke(request)


async def test_concurrency_is_reached_and_never_exceeded() -> None:
    generator = Counting()
    async with asyncio.timeout(60):  # fewer concurrent calls would never end
        await evaluate(create("single", generator).compile(), [("one?", "1")] * 10, concurrency=3)
    assert generator.maximum == 3


async def test_a_failed_search_is_incorrect_counted_and_paid_for() -> None:
    def script(request: SampleRequest) -> str:
        if "bad" in str(request.messages[-1]["content"]):
            raise ValueError("no luck")
        return r"\boxed{1}"

    graph = create("self_consistency", ScriptedGenerator(script), n=3).compile()
    good, bad = await evaluate(graph, [("good", "1"), ("bad", "1")])
    assert good.correct
    assert not bad.correct
    assert bad.error is not None
    assert "no luck" in bad.error
    assert bad.spend.calls == 3
    row = summarize_outcomes([good, bad])
    assert (row.accuracy, row.failed, row.pass_at_n, row.random) == (0.5, 1, 0.5, 0.5)


async def test_other_errors_end_the_evaluation() -> None:
    graph = create("single", ToyGenerator()).compile()
    with pytest.raises(ValueError, match="empty"):
        await evaluate(graph, [*toy_problems(3), (" ", "1")])


async def test_an_error_stops_concurrent_searches() -> None:
    reported: list[Outcome] = []
    graph = create("single", Counting()).compile()
    with pytest.raises(ValueError, match="empty"):
        await evaluate(graph, [(" ", "1"), *toy_problems(30)], on_result=reported.append, concurrency=2)
    assert reported == []


async def test_a_truncated_candidate_counts_for_the_oracle_but_is_not_finished() -> None:
    drawn: Iterator[str | Sample] = iter([r"\boxed{2}", Sample(text=r"\boxed{1}", finish_reason="length")])
    graph = create("self_consistency", ScriptedGenerator(lambda request: next(drawn)), n=2).compile()
    (result,) = await evaluate(graph, [("one?", "1")])
    assert (result.candidates, result.correct_candidates, result.finished, result.correct_finished) == (2, 1, 1, 0)
    assert not result.correct


async def test_completed_outcomes_are_reused() -> None:
    generator = ToyGenerator(0.3)
    graph = create("single", generator).compile()
    before = outcome(1, answer="from before")
    reported: list[int] = []
    result = await evaluate(
        graph, toy_problems(3), completed={1: before}, on_result=lambda result: reported.append(result.index)
    )
    assert result[1] is before
    assert sorted(reported) == [0, 2]
    assert len(generator.requests) == 2


async def test_a_cancelled_evaluation_has_reported_completed_searches() -> None:
    reported: list[Outcome] = []

    def stop_after_four(result: Outcome) -> None:
        reported.append(result)
        if len(reported) == 4:
            task.cancel()

    graph = create("single", ToyGenerator()).compile()
    task = asyncio.create_task(evaluate(graph, toy_problems(200), on_result=stop_after_four, concurrency=2))
    with pytest.raises(asyncio.CancelledError):
        await task
    assert 4 <= len(reported) < 10
    assert len(asyncio.all_tasks()) == 1


async def test_equivalent_answers_are_correct() -> None:
    graph = create("single", ScriptedGenerator(lambda request: r"\boxed{\frac{1}{2}}")).compile()
    (result,) = await evaluate(graph, [("A half?", "0.5")])
    assert result.correct


async def test_a_concurrency_of_zero_is_rejected() -> None:
    with pytest.raises(ConfigurationError, match="got 0"):
        await evaluate(create("single", ToyGenerator()).compile(), [], concurrency=0)


def test_a_row_summarizes_outcomes() -> None:
    row = summarize_outcomes(
        [outcome(0), outcome(1, correct=False, correct_candidates=0, correct_finished=0, seconds=1.5)]
    )
    assert (row.accuracy, row.pass_at_n, row.random, row.seconds) == (0.5, 0.5, 0.125, 1.0)
    assert (row.mean_calls, row.mean_prompt_tokens, row.mean_generated_tokens) == (4, 8, 40)
    assert (row.mean_verifier_tokens, row.mean_flops) == (6, 100.0)


def test_the_random_choice_is_among_finished_candidates() -> None:
    row = summarize_outcomes([outcome(finished=2, correct_finished=1), outcome(1, finished=0, correct_finished=0)])
    assert row.random == 0.25


def test_no_outcomes_make_no_row() -> None:
    with pytest.raises(ConfigurationError, match="at least one outcome"):
        summarize_outcomes([])


def test_strategies_are_compared_on_shared_problems() -> None:
    outcomes = [outcome(index, correct=True) for index in range(4)]
    baseline = [outcome(index, correct=index == 3) for index in range(2, 8)]
    difference = compare_outcomes(outcomes, baseline)
    assert difference is not None
    assert difference.mean == 0.5
    assert compare_outcomes(outcomes, baseline[2:]) is None


def test_the_order_of_outcomes_does_not_affect_the_interval() -> None:
    outcomes = [outcome(index, correct=index % 3 > 0) for index in range(30)]
    baseline = [outcome(index, correct=index % 4 == 0) for index in range(30)]
    chance = random.Random(0)
    differences = {compare_outcomes(chance.sample(outcomes, 30), chance.sample(baseline, 30)) for _ in range(20)}
    assert differences == {compare_outcomes(outcomes, baseline)}


def test_outcomes_survive_json() -> None:
    failed = outcome(error="none came")
    assert Outcome.model_validate_json(failed.model_dump_json()) == failed
    assert Counter(Outcome.model_validate_json(failed.model_dump_json()).spend._asdict()) == Counter(
        failed.spend._asdict()
    )
