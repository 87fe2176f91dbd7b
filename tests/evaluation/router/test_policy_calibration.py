"""From outcomes to a policy and its benefit."""

import io
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console, Group

from its_graph.budget import Spend
from its_graph.catalog.strategy_config import StrategyConfig
from its_graph.cli.display.calibration_tables import calibration_tables
from its_graph.errors import ConfigurationError
from its_graph.evaluation import Outcome
from its_graph.evaluation.router.difficulty_estimates import estimate_difficulties
from its_graph.evaluation.router.pilot_accounting import SINGLE, ConfigOutcomes, Pilots
from its_graph.evaluation.router.policy_calibration import FitPlan, calibrate_policy, fixed_results, minimum_budget

MakeOutcome = Callable[..., Outcome]

PILOTS = Pilots(2, verified=True)
WIDE = StrategyConfig(strategy="best_of_n", options={"n": 8})
PLAN = FitPlan("verifier", PILOTS, "flops", bins=2, budgets=(4.0, 5.0, 8.0))


def printed(shown: Group) -> str:
    console = Console(width=120, file=io.StringIO())
    with console.capture() as capture:
        console.print(shown)
    return capture.get()


@pytest.fixture
def measured(make_outcome: MakeOutcome) -> ConfigOutcomes:
    """Every other problem is easy; only eight samples solve the hard ones, whose pilots are all incorrect."""

    def outcomes(n: int) -> list[Outcome]:
        outcomes = []
        for index in range(40):
            samples = [index % 2 == 0] * n
            correct = index % 2 == 0 or n == 8
            spend = Spend(generated_tokens=10 * n, flops=float(n))
            outcomes.append(make_outcome(index, *samples, correct=correct, spend=spend))
        return outcomes

    two = outcomes(2)
    return {SINGLE: outcomes(1), PILOTS.draw_config: two, PILOTS.answer_config: two, WIDE: outcomes(8)}


def test_hard_problems_get_the_config_that_helps(measured: ConfigOutcomes) -> None:
    calibration = calibrate_policy(measured, PLAN, estimate_difficulties("verifier", measured, PILOTS, "flops"))
    assert list(calibration.policy.thresholds) == pytest.approx([0.9])
    assert [[config.label for config in row] for row in calibration.policy.table] == [
        ["single"] * 3,
        ["single", "best_of_n n=8", "best_of_n n=8"],
    ]
    assert (calibration.cross_fitted[0].accuracy, calibration.cross_fitted[0].cost) == (0.5, 2.0)
    assert calibration.cross_fitted[-1].accuracy == 1.0


def test_the_reference_is_the_widest_best_of_n(measured: ConfigOutcomes) -> None:
    calibration = calibrate_policy(measured, PLAN, estimate_difficulties("verifier", measured, PILOTS, "flops"))
    assert calibration.reference.name == "best_of_n n=8"
    assert calibration.cheapest_match is not None
    assert calibration.reference.cost == 8.0 > calibration.cheapest_match.cost
    assert calibration.cheapest_match.accuracy == calibration.reference.accuracy == 1.0
    assert [comparison.fixed.name for comparison in calibration.comparisons][-1] == "best_of_n n=8"
    assert calibration.comparisons[-1].gain.accuracy.mean == 0.0


def test_the_table_shows_the_cost_of_the_router(measured: ConfigOutcomes) -> None:
    calibration = calibrate_policy(measured, PLAN, estimate_difficulties("verifier", measured, PILOTS, "flops"))
    assert calibration.comparisons[-1].routed.cost == pytest.approx(6.35)
    lines = printed(calibration_tables(calibration, Path("policy.json"))).splitlines()
    (row,) = [line for line in lines if line.startswith(" best_of_n n=8 ") and "[" in line]
    assert re.findall(r"[\d.]+ FLOP", row) == ["8 FLOP", "6.35 FLOP"]


def test_configs_cheaper_than_the_pilots_are_not_compared(measured: ConfigOutcomes) -> None:
    assert fixed_results(measured, "flops")[0].name == "single"
    calibration = calibrate_policy(measured, PLAN, estimate_difficulties("verifier", measured, PILOTS, "flops"))
    assert "single" not in [comparison.fixed.name for comparison in calibration.comparisons]
    assert minimum_budget(calibration.policy) == 2.0


def test_calibration_uses_samples_other_than_the_pilots(measured: ConfigOutcomes) -> None:
    calibration = calibrate_policy(
        measured, PLAN, estimate_difficulties("verifier", measured, PILOTS, "flops")
    ).calibration
    assert calibration is not None
    assert [bin_.measured for bin_ in calibration.bins] == [1.0, 0.0]
    assert [bin_.predicted for bin_ in calibration.bins] == [pytest.approx(0.9), pytest.approx(0.1)]
    assert calibration.correlation == pytest.approx(1.0)


def test_a_lost_problem_is_omitted_only_from_the_calibration(
    measured: ConfigOutcomes, make_outcome: MakeOutcome
) -> None:
    """It is the first problem: the ones after it keep their own difficulties."""
    lost = {
        config: [make_outcome(0, error="lost", spend=outcomes[0].spend), *outcomes[1:]]
        for config, outcomes in measured.items()
    }
    fitted = calibrate_policy(lost, PLAN, estimate_difficulties("verifier", lost, PILOTS, "flops"))
    assert fitted.calibration is not None
    assert [(bin_.problems, bin_.measured) for bin_ in fitted.calibration.bins] == [(19, 1.0), (20, 0.0)]
    assert "Skipped: 1 problem with" in printed(calibration_tables(fitted, Path("policy.json")))
    whole = calibrate_policy(measured, PLAN, estimate_difficulties("verifier", measured, PILOTS, "flops"))
    assert "Skipped" not in printed(calibration_tables(whole, Path("policy.json")))


def test_a_budget_that_does_not_cover_the_pilots(measured: ConfigOutcomes) -> None:
    estimates = estimate_difficulties("verifier", measured, PILOTS, "flops")
    with pytest.raises(ConfigurationError, match="Budgets must cover the pilots"):
        calibrate_policy(measured, PLAN._replace(budgets=(1.0, 8.0)), estimates)


def test_unknown_costs(measured: ConfigOutcomes) -> None:
    free = {
        config: [outcome.model_copy(update={"spend": Spend(generated_tokens=5)}) for outcome in outcomes]
        for config, outcomes in measured.items()
    }
    with pytest.raises(ConfigurationError, match="Use the unit"):
        calibrate_policy(free, PLAN, estimate_difficulties("verifier", free, PILOTS, "flops"))
