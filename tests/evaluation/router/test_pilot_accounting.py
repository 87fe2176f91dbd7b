"""Accounting of plain searches predicts exactly what the router does, if samples are shared."""

from collections.abc import Callable
from pathlib import Path

import pytest

from its_graph.budget import Spend
from its_graph.catalog.strategy_config import StrategyConfig
from its_graph.errors import ConfigurationError
from its_graph.evaluation import Outcome, measure
from its_graph.evaluation.router.difficulty_estimates import estimate_difficulties, unseen_pass_at_1
from its_graph.evaluation.router.pilot_accounting import (
    SINGLE,
    ConfigOutcomes,
    Pilots,
    after_pilots,
    outcome_cost,
    pilot_tree,
)
from its_graph.routing.difficulty import by_agreement, by_verifier
from its_graph.routing.policy import Estimator, Policy
from its_graph.routing.trials import TrialResult
from its_graph.testing import ToyGenerator, ToyVerifier

MakeOutcome = Callable[..., Outcome]
Problems = list[tuple[str, str]]


def of(strategy: str, n: int) -> StrategyConfig:
    return StrategyConfig(strategy=strategy, options={"n": n})


VERIFIED = Pilots(2, verified=True)
PLAIN = [SINGLE, VERIFIED.draw_config, VERIFIED.answer_config]
GRID = [SINGLE, *(of(strategy, n) for strategy in ("self_consistency", "best_of_n") for n in (1, 2, 4, 8))]


async def toy(configs: list[StrategyConfig], sums: Problems) -> dict[StrategyConfig, list[Outcome]]:
    return await measure(
        configs, ToyGenerator(0.3, parameters=10), ToyVerifier(parameters=3), sums, seed=4, concurrency=1
    )


def constant(config: StrategyConfig, estimator: Estimator, folder: Path) -> StrategyConfig:
    """Return the router with a policy that always chooses `config`."""
    path = folder / f"{estimator} {config.label}.json"
    table = ((config,),)
    policy = Policy(estimator=estimator, pilots=2, unit="flops", thresholds=(), budgets=(1e9,), table=table)
    policy.save(path)
    return StrategyConfig(strategy="compute_optimal", options={"policy": str(path)})


@pytest.mark.parametrize(
    ("config", "estimator"),
    [
        (SINGLE, "verifier"),
        (of("best_of_n", 4), "verifier"),
        (of("best_of_n", 4), "agreement"),
        (of("self_consistency", 8), "verifier"),
    ],
)
async def test_the_router_does_what_was_predicted(
    sums: Problems, tmp_path: Path, config: StrategyConfig, estimator: Estimator
) -> None:
    """Accuracy and cost of each problem, for configs that continue from the pilots."""
    predicted = after_pilots(await toy(list(dict.fromkeys([*PLAIN, config])), sums), VERIFIED, "flops")
    router = constant(config, estimator, tmp_path)
    routed = (await toy([router], sums))[router]
    assert [TrialResult(float(outcome.correct), outcome.spend.flops) for outcome in routed] == [
        results[config] for results in predicted
    ]


async def test_a_config_with_fewer_samples_than_the_pilots_has_their_answer(sums: Problems) -> None:
    for results in after_pilots(await toy(GRID, sums), VERIFIED, "tokens"):
        assert results[of("best_of_n", 1)] == results[SINGLE]
        assert results[of("best_of_n", 4)].cost < results[of("best_of_n", 8)].cost
        assert VERIFIED.draw_config not in results
        assert VERIFIED.answer_config not in results


async def test_a_step_search_is_paid_in_addition_to_the_pilots(sums: Problems) -> None:
    beam = StrategyConfig(strategy="beam_search", options={"n": 4, "width": 2})
    measured = await toy([*GRID, beam], sums)
    for index, results in enumerate(after_pilots(measured, VERIFIED, "flops")):
        alone = measured[beam][index]
        both = alone.spend.flops + measured[VERIFIED.answer_config][index].spend.flops
        assert results[beam] == TrialResult(float(alone.correct), both)


async def test_without_pilots_results_are_unchanged(sums: Problems) -> None:
    measured = await toy(GRID, sums)
    for index, results in enumerate(after_pilots(measured, Pilots(0, verified=False), "tokens")):
        for config in (SINGLE, of("self_consistency", 4), of("best_of_n", 8)):
            alone = measured[config][index]
            assert results[config] == TrialResult(float(alone.correct), alone.spend.tokens)


async def test_estimates_equal_those_of_the_router(sums: Problems) -> None:
    measured = await toy(GRID, sums)
    pilots = measured[VERIFIED.answer_config]
    by_scores = estimate_difficulties("verifier", measured, VERIFIED, "flops").difficulties
    shares = estimate_difficulties("agreement", measured, VERIFIED, "flops").difficulties
    for outcome, scored, agreed in zip(pilots, by_scores, shares, strict=True):
        scores = [sample.score or 0 for sample in outcome.samples]
        assert scored == by_verifier(pilot_tree(outcome)) == pytest.approx(1 - sum(scores) / len(scores))
        same = outcome.samples[0].answer == outcome.samples[1].answer
        assert agreed == by_agreement(pilot_tree(outcome)) == (0.0 if same else 0.5)
    assert set(estimate_difficulties("text", measured, Pilots(0, verified=False), "flops").costs) == {0.0}


async def test_learned_estimates_pay_for_the_prompt(sums: Problems) -> None:
    measured = await toy(GRID, sums)
    none = Pilots(0, verified=False)

    def embed(texts: object) -> list[list[float]]:
        return [[float(len(text))] for text in list(texts)]  # type: ignore[call-overload]

    estimates = estimate_difficulties("learned", measured, none, "flops", embed=embed)
    assert estimates.regressor is not None
    for cost, outcome in zip(estimates.costs, measured[SINGLE], strict=True):
        assert cost == pytest.approx(2 * 10 * outcome.spend.prompt_tokens)
    again = estimate_difficulties("learned", measured, none, "tokens", embed=embed, regressor=estimates.regressor)
    assert again.regressor == estimates.regressor
    assert again.costs == tuple(float(outcome.spend.prompt_tokens) for outcome in measured[SINGLE])


def test_a_lost_problem_gets_a_learned_estimate_from_the_others(make_outcome: MakeOutcome) -> None:
    """Even problems are easy and look easy; the second, which is lost, looks hard."""
    samples = {index: [index % 2 == 0] * 8 for index in range(30) if index != 1}
    measured: ConfigOutcomes = {
        SINGLE: [make_outcome(index, *samples.get(index, ())[:1]) for index in range(30)],
        of("best_of_n", 8): [make_outcome(index, *samples.get(index, ())) for index in range(30)],
    }

    def embed(texts: object) -> list[list[float]]:
        return [[float(index % 2)] for index in range(30)]

    estimates = estimate_difficulties("learned", measured, Pilots(0, verified=False), "generated_tokens", embed=embed)
    assert estimates.regressor is not None
    assert estimates.difficulties[1] == estimates.regressor.difficulty([1.0]) != estimates.difficulties[3]
    assert all((difficulty > 0.5) is (index % 2 == 1) for index, difficulty in enumerate(estimates.difficulties))
    assert sorted(unseen_pass_at_1(measured, VERIFIED) or {}) == [index for index in range(30) if index != 1]


def test_pass_at_1_is_measured_after_the_pilots(make_outcome: MakeOutcome) -> None:
    measured: ConfigOutcomes = {
        of("best_of_n", 4): [make_outcome(0, True, True, False, False), make_outcome(1, False, False, True, False)]
    }
    assert unseen_pass_at_1(measured, VERIFIED) == {0: 0.0, 1: 0.5}
    assert unseen_pass_at_1(measured, Pilots(0, verified=False)) == {0: 0.5, 1: 0.25}
    assert unseen_pass_at_1({of("best_of_n", 2): [make_outcome(0, True, True)]}, VERIFIED) is None


def test_a_failed_search_is_paid_for_and_incorrect(make_outcome: MakeOutcome) -> None:
    pilots = Pilots(2, verified=False)
    failed = make_outcome(0, spend=Spend(generated_tokens=7), error="lost")
    measured = {
        SINGLE: [make_outcome(0, True)],
        pilots.draw_config: [make_outcome(0, True, True)],
        of("best_of_n", 4): [failed],
    }
    (results,) = after_pilots(measured, pilots, "generated_tokens")
    assert results[of("best_of_n", 4)] == TrialResult(0.0, 27)


def test_missing_inputs_are_reported(make_outcome: MakeOutcome) -> None:
    with pytest.raises(ConfigurationError, match="also measure self_consistency n=2 and best_of_n n=2"):
        after_pilots({SINGLE: [make_outcome(0, True)]}, VERIFIED, "flops")
    uneven = {VERIFIED.draw_config: [make_outcome(0, True)], VERIFIED.answer_config: [make_outcome(1, True)]}
    with pytest.raises(ConfigurationError, match="same problems"):
        after_pilots(uneven, VERIFIED, "flops")
    with pytest.raises(ConfigurationError, match="verified pilots"):
        estimate_difficulties("verifier", {}, Pilots(2, verified=False), "flops")
    with pytest.raises(ConfigurationError, match="no method `embed`"):
        estimate_difficulties("learned", {}, Pilots(0, verified=False), "flops")


def test_a_cost_is_read_from_the_ledger(make_outcome: MakeOutcome) -> None:
    assert outcome_cost(make_outcome(0, True, True), "tokens") == 28.0
    assert outcome_cost(make_outcome(0, True, True), "generated_tokens") == 20.0
