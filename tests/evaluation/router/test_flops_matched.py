"""A small model that searches and a larger one, at equal FLOPs."""

from collections.abc import Callable
from typing import Any

import pytest

from its_graph.budget import Spend
from its_graph.catalog.strategy_config import StrategyConfig
from its_graph.errors import ConfigurationError
from its_graph.evaluation import Outcome
from its_graph.evaluation.router.flops_matched import (
    RATIOS,
    FlopsMatch,
    flops_matched,
    inference_multiplier,
    unseen_difficulty,
)
from its_graph.evaluation.router.pilot_accounting import SINGLE

MakeOutcome = Callable[..., Outcome]

FOUR = StrategyConfig(strategy="best_of_n", options={"n": 4})
PROBLEMS, EASY = 40, 10  # so few easy ones that the median is hard in both halves


@pytest.mark.parametrize(
    ("size", "ratio", "multiplier"),
    [(14, 0.08, 257.75), (14, 0.4, 62.75), (14, 11, 15.772727), (1, 0.08, 1), (1, 11, 1)],
)
def test_the_papers_multipliers_with_a_verifier_of_the_same_size(size: float, ratio: float, multiplier: float) -> None:
    assert inference_multiplier(size, ratio, flops_per_parameter=4) == pytest.approx(multiplier)


@pytest.mark.parametrize(("ratio", "multiplier"), [(0.16, 257.75), (0.79, 63.37), (22, 15.77)])
def test_the_papers_multipliers_without_a_verifier(ratio: float, multiplier: float) -> None:
    assert inference_multiplier(14, ratio) == pytest.approx(multiplier, abs=0.005)


def test_both_models_cost_the_same_in_total() -> None:
    """Training plus inference: N and 5 N parameters, 1,000 training tokens for 30 inference tokens."""
    training, inference, small, large = 1_000, 30, 7.0, 35.0
    whole = 6 * large * training + 2 * large * inference
    k = inference_multiplier(large / small, inference / training)
    assert 6 * small * training + k * 2 * small * inference == pytest.approx(whole)


def test_difficulty_uses_samples_that_no_search_uses(make_outcome: MakeOutcome) -> None:
    outcome = make_outcome(0, True, True, False, True, False, False)
    assert unseen_difficulty(outcome, 2) == pytest.approx(0.75)
    assert unseen_difficulty(outcome, 6) == 1.0


@pytest.mark.parametrize(("size", "ratio"), [(0.5, 1.0), (4.0, 0.0), (4.0, -1.0), (4.0, float("nan"))])
def test_invalid_sizes_and_ratios_are_rejected(size: float, ratio: float) -> None:
    with pytest.raises(ConfigurationError, match="above 0"):
        inference_multiplier(size, ratio)


def _spend(flops: float) -> Spend:
    return Spend(calls=1, flops=flops)


@pytest.fixture
def world(make_outcome: MakeOutcome) -> dict[str, Any]:
    """Easy problems are always solved, hard ones only by four samples; the larger model solves every second one."""
    hard = [index >= EASY for index in range(PROBLEMS)]
    single = [make_outcome(index, not is_hard, spend=_spend(100.0)) for index, is_hard in enumerate(hard)]
    four = [make_outcome(index, *(True,) * 4, spend=_spend(400.0)) for index in range(PROBLEMS)]
    larger = [
        make_outcome(index, not is_hard or index % 4 < 2, spend=_spend(160.0)) for index, is_hard in enumerate(hard)
    ]
    difficulties = [0.75 if is_hard else 0.0 for is_hard in hard]
    return {"measured": {SINGLE: single, FOUR: four}, "larger": larger, "difficulties": difficulties}


def _rows(matches: list[FlopsMatch], ratio: float) -> list[FlopsMatch]:
    return [match for match in matches if match.ratio == ratio]


def test_search_wins_if_its_budget_allows(world: dict[str, Any]) -> None:
    matches = flops_matched(size=1.5, bins=2, **world)
    rich, poor = _rows(matches, RATIOS[0]), _rows(matches, RATIOS[2])
    assert [match.multiplier for match in (rich[0], poor[0])] == pytest.approx([1.6 + 1.5 / 0.16, 1.6 + 1.5 / 22])
    assert [match.bin for match in rich] == [None, 0, 1]
    assert [match.problems for match in rich] == [PROBLEMS, EASY, PROBLEMS - EASY]
    everything, easy, hard = rich
    assert (easy.search, easy.larger, easy.spent) == (1.0, 1.0, 1.0)  # one answer suffices, and no more is spent
    assert (hard.single, hard.search, hard.larger, hard.spent) == (0.0, 1.0, 14 / 30, 4.0)
    assert everything.gain.mean == pytest.approx(16 / PROBLEMS)
    assert everything.gain.ci95.low > 0
    assert (poor[2].search, poor[2].spent) == (0.0, 1.0)  # four samples cost more than 1.7 answers
    assert poor[2].gain.mean == pytest.approx(-14 / 30)


def test_the_cost_of_the_larger_answer_is_measured(world: dict[str, Any]) -> None:
    expensive = [outcome.model_copy(update={"spend": _spend(500.0)}) for outcome in world["larger"]]
    poor = _rows(flops_matched(size=1.5, bins=2, **world | {"larger": expensive}), RATIOS[2])
    assert poor[0].multiplier == pytest.approx(5 + 1.5 / 22)
    assert poor[2].search == 1.0  # now four samples fit


def test_missing_inputs_are_reported(world: dict[str, Any]) -> None:
    measured, larger = world["measured"], world["larger"]
    with pytest.raises(ConfigurationError, match="measure `single`"):
        flops_matched(size=2.0, **world | {"measured": {FOUR: measured[FOUR]}})
    with pytest.raises(ConfigurationError, match="same problems"):
        flops_matched(size=2.0, **world | {"larger": larger[1:]})
    free = [outcome.model_copy(update={"spend": Spend()}) for outcome in measured[SINGLE]]
    with pytest.raises(ConfigurationError, match="parameters"):
        flops_matched(size=2.0, **world | {"measured": {SINGLE: free, FOUR: measured[FOUR]}})
