"""measure: many configs over the same problems; reused samples equal those that would have been drawn."""

import asyncio
from collections import Counter
from typing import Any

import pytest

from its_graph import Budget, SearchContext
from its_graph.catalog.strategy_config import StrategyConfig
from its_graph.contracts import Generator, SampleRequest, Verifier
from its_graph.embedded import load, problems
from its_graph.errors import ConfigurationError
from its_graph.evaluation import GridCell, Outcome, evaluate, measure, measure_cells
from its_graph.generators.cassette_requests import request_key
from its_graph.testing import ScriptedGenerator, ToyGenerator, ToyVerifier

Pairs = list[tuple[str, str]]

SINGLE = StrategyConfig(strategy="single")
WIDTHS = [StrategyConfig(strategy="best_of_n", options={"n": n}) for n in (1, 3, 8)]
VOTES = [StrategyConfig(strategy="self_consistency", options={"n": n}) for n in (2, 8)]
OTHERS = [
    StrategyConfig(strategy=name, options={"n": 4})
    for name in ("adaptive_best_of_n", "beam_search", "ab_mcts", "tournament", "self_certainty", "deepconf_online")
]


def without_times(outcomes: list[Outcome]) -> list[dict[str, Any]]:
    """Return everything except times and cache hits."""
    timeless = [outcome.model_copy(update={"spend": outcome.spend._replace(seconds=0.0)}) for outcome in outcomes]
    return [outcome.model_dump(exclude={"seconds", "reused"}) for outcome in timeless]


async def alone(
    config: StrategyConfig, generator: Generator, verifier: Verifier, pairs: Pairs, seed: int
) -> list[Outcome]:
    return await evaluate(config.create(generator, verifier).compile(), pairs, seed=seed)


async def test_a_config_finds_and_pays_what_it_would_alone(sums: Pairs) -> None:
    generator, verifier = ToyGenerator(0.4, parameters=10), ToyVerifier(parameters=3)
    measured = await measure([SINGLE, *WIDTHS, *VOTES, *OTHERS], generator, verifier, sums, seed=5, concurrency=3)
    for config, outcomes in measured.items():
        assert without_times(outcomes) == without_times(await alone(config, generator, verifier, sums, 5)), config.label


async def test_the_same_holds_for_real_models() -> None:
    generator, verifier = load()
    pairs = list(problems(2, seed=3))
    configs = [*WIDTHS[:2], VOTES[0], StrategyConfig(strategy="beam_search", options={"n": 2, "width": 1})]
    measured = await measure(configs, generator, verifier, pairs, seed=5)
    assert any(outcome.reused for outcome in measured[WIDTHS[0]])
    for config in configs:
        expected = without_times(await alone(config, generator, verifier, pairs, 5))
        for ours, theirs in zip(without_times(measured[config]), expected, strict=True):
            # Batched arithmetic differs in the last bits, which changes scores.
            for sample in (*ours["samples"], *theirs["samples"]):
                sample["score"] = None if sample["score"] is None else round(sample["score"], 4)
            assert ours == theirs


async def test_every_sample_is_drawn_once(sums: Pairs) -> None:
    generator, verifier = ToyGenerator(0.4), ToyVerifier()
    measured = await measure([SINGLE, *WIDTHS, *VOTES], generator, verifier, sums)
    assert len(generator.requests) == 8 * len(sums)
    assert max(Counter(map(request_key, generator.requests)).values()) == 1
    assert max(Counter(map(request_key, verifier.candidates)).values()) == 1
    calls = sum(outcome.spend.calls for outcomes in measured.values() for outcome in outcomes)
    reused = sum(outcome.reused for outcomes in measured.values() for outcome in outcomes)
    assert calls - reused == len(generator.requests) + len(verifier.candidates)


async def test_the_widest_search_reuses_nothing_and_has_its_own_time(sums: Pairs) -> None:
    measured = await measure(WIDTHS, ToyGenerator(0.4), ToyVerifier(), sums)
    assert [sum(outcome.reused for outcome in measured[config]) > 0 for config in WIDTHS] == [True, True, False]


async def test_without_reuse_every_request_is_repeated(sums: Pairs) -> None:
    generator = ToyGenerator(0.4)
    measured = await measure(VOTES, generator, None, sums, reuse=False)
    assert len(generator.requests) == (2 + 8) * len(sums)
    assert not any(outcome.reused for outcomes in measured.values() for outcome in outcomes)
    assert without_times(measured[VOTES[0]]) == without_times((await measure(VOTES, generator, None, sums))[VOTES[0]])


async def test_budgets_are_cells_of_one_run_and_are_respected(sums: Pairs) -> None:
    generator, verifier = ToyGenerator(0.4), ToyVerifier()
    cells = [GridCell(WIDTHS[2], SearchContext(budget=Budget(tokens=tokens))) for tokens in (60, 200, 2000)]
    measured = await measure_cells(cells, generator, verifier, sums, seed=2)
    for cell in cells:
        assert all(outcome.spend.tokens <= (cell.context.budget.tokens or 0) for outcome in measured[cell])
        graph = cell.config.create(ToyGenerator(0.4), ToyVerifier()).compile()
        assert without_times(measured[cell]) == without_times(await evaluate(graph, sums, seed=2, context=cell.context))
    assert sum(outcome.reused for outcome in measured[cells[1]]) > 0


async def test_only_on_result_sees_texts(sums: Pairs) -> None:
    reported: list[Outcome] = []
    measured = await measure(
        VOTES, ToyGenerator(0.4), None, sums, on_result=lambda _, outcome: reported.append(outcome)
    )
    assert all("boxed" in sample.text for outcome in reported for sample in outcome.samples)
    assert not any(sample.text for outcomes in measured.values() for outcome in outcomes for sample in outcome.samples)
    assert without_times(sorted(reported, key=lambda outcome: (len(outcome.samples), outcome.index))) == without_times(
        [*measured[VOTES[0]], *measured[VOTES[1]]]
    )


async def test_requests_with_a_deadline_are_never_cached(sums: Pairs) -> None:
    generator = ToyGenerator(0.4)
    await measure(VOTES, generator, None, sums, context=SearchContext(budget=Budget(seconds=60)))
    assert len(generator.requests) == (2 + 8) * len(sums)


async def test_a_failed_sample_is_retried_by_each_search(sums: Pairs) -> None:
    def script(request: SampleRequest) -> str:
        if (request.seed or 0) % 3 == 0:
            raise ValueError("no luck")
        return r"\boxed{1}"

    measured = await measure(VOTES, ScriptedGenerator(script), None, sums)
    for config in VOTES:
        graph = config.create(ScriptedGenerator(script), None).compile()
        assert without_times(measured[config]) == without_times(await evaluate(graph, sums))


async def test_a_bad_problem_affects_no_other(sums: Pairs) -> None:
    measured = await measure([SINGLE, *VOTES], ToyGenerator(0.0), None, [*sums[:2], (" ", "1"), *sums[2:]])
    for outcomes in measured.values():
        assert [outcome.index for outcome in outcomes if outcome.error] == [2]
        assert sum(outcome.correct for outcome in outcomes) == len(sums)
        assert "empty" in str(outcomes[2].error)


async def test_completed_outcomes_are_reused(sums: Pairs, make_outcome: Any) -> None:
    generator, before, reported = ToyGenerator(0.4), make_outcome(1, True), list[tuple[str, int]]()
    measured = await measure(
        VOTES,
        generator,
        None,
        sums[:3],
        completed={VOTES[0]: {1: before}},
        on_result=lambda config, outcome: reported.append((config.label, outcome.index)),
    )
    assert measured[VOTES[0]][1] is before
    assert len(reported) == 5
    assert (VOTES[0].label, 1) not in reported
    assert [outcome.index for outcome in measured[VOTES[1]]] == [0, 1, 2]


async def test_problems_run_in_order_so_that_an_early_stop_leaves_pairs(sums: Pairs) -> None:
    reported: list[int] = []

    def stop(config: StrategyConfig, outcome: Outcome) -> None:
        reported.append(outcome.index)
        if len(reported) == 7:
            task.cancel()

    task = asyncio.create_task(measure(VOTES, ToyGenerator(), None, sums, concurrency=2, on_result=stop))
    with pytest.raises(asyncio.CancelledError):
        await task
    ended = Counter(reported)
    assert sum(ended[index] < 2 for index in range(max(ended) + 1)) <= 2, "as many as run at the same time"
    assert sum(count == 2 for count in ended.values()) >= 3
    assert len(asyncio.all_tasks()) == 1


async def test_impossible_configs_are_rejected_before_a_search(sums: Pairs) -> None:
    generator = ToyGenerator()
    with pytest.raises(ConfigurationError, match="verifier"):
        await measure([SINGLE, WIDTHS[0]], generator, None, sums)
    with pytest.raises(ConfigurationError, match="got 0"):
        await measure([SINGLE], generator, None, sums, concurrency=0)
    assert generator.requests == []
