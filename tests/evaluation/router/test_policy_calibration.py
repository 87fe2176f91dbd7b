"""From outcomes to a policy and its worth."""

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

Made = Callable[..., Outcome]

PILOTS = Pilots(2, verified=True)
WIDE = StrategyConfig(strategy="best_of_n", options={"n": 8})
PLAN = FitPlan("verifier", PILOTS, "flops", bins=2, budgets=(4.0, 5.0, 8.0))


def printed(shown: Group) -> str:
    console = Console(width=120, file=io.StringIO())
    with console.capture() as capture:
        console.print(shown)
    return capture.get()


@pytest.fixture
def measured(made: Made) -> ConfigOutcomes:
    """Every other problem is easy; the hard ones are solved by eight samples alone, and their pilots are all wrong."""

    def outcomes(n: int) -> list[Outcome]:
        found = []
        for number in range(40):
            samples = [number % 2 == 0] * n
            right = number % 2 == 0 or n == 8
            spend = Spend(generated_tokens=10 * n, flops=float(n))
            found.append(made(number, *samples, correct=right, spend=spend))
        return found

    two = outcomes(2)
    return {SINGLE: outcomes(1), PILOTS.draw_config: two, PILOTS.answer_config: two, WIDE: outcomes(8)}


def test_hard_problems_get_what_helps_them(measured: ConfigOutcomes) -> None:
    found = calibrate_policy(measured, PLAN, estimate_difficulties("verifier", measured, PILOTS, "flops"))
    assert list(found.policy.thresholds) == pytest.approx([0.9])
    assert [[one.label for one in row] for row in found.policy.table] == [
        ["single"] * 3,
        ["single", "best_of_n n=8", "best_of_n n=8"],
    ]
    assert (found.cross_fitted[0].accuracy, found.cross_fitted[0].cost) == (0.5, 2.0)
    assert found.cross_fitted[-1].accuracy == 1.0


def test_the_saving_is_told_against_the_widest_best_of_n(measured: ConfigOutcomes) -> None:
    found = calibrate_policy(measured, PLAN, estimate_difficulties("verifier", measured, PILOTS, "flops"))
    assert found.reference.name == "best_of_n n=8"
    assert found.cheapest_match is not None
    assert found.reference.cost == 8.0 > found.cheapest_match.cost
    assert found.cheapest_match.accuracy == found.reference.accuracy == 1.0
    assert [rival.fixed.name for rival in found.comparisons][-1] == "best_of_n n=8"
    assert found.comparisons[-1].gain.accuracy.mean == 0.0


def test_the_table_has_the_router_at_its_own_cost(measured: ConfigOutcomes) -> None:
    found = calibrate_policy(measured, PLAN, estimate_difficulties("verifier", measured, PILOTS, "flops"))
    assert found.comparisons[-1].routed.cost == pytest.approx(6.35)
    lines = printed(calibration_tables(found, Path("policy.json"))).splitlines()
    (row,) = [line for line in lines if line.startswith(" best_of_n n=8 ") and "[" in line]
    assert re.findall(r"[\d.]+ FLOP", row) == ["8 FLOP", "6.35 FLOP"]


def test_single_is_beaten_by_nobody_who_costs_more_than_it(measured: ConfigOutcomes) -> None:
    assert fixed_results(measured, "flops")[0].name == "single"
    found = calibrate_policy(measured, PLAN, estimate_difficulties("verifier", measured, PILOTS, "flops"))
    assert "single" not in [rival.fixed.name for rival in found.comparisons]
    assert minimum_budget(found.policy) == 2.0


def test_calibration_is_against_samples_that_were_no_pilots(measured: ConfigOutcomes) -> None:
    found = calibrate_policy(measured, PLAN, estimate_difficulties("verifier", measured, PILOTS, "flops")).calibration
    assert found is not None
    assert [one.measured for one in found.bins] == [1.0, 0.0]
    assert [one.predicted for one in found.bins] == [pytest.approx(0.9), pytest.approx(0.1)]
    assert found.correlation == pytest.approx(1.0)


def test_a_lost_problem_is_left_out_of_the_calibration_alone(measured: ConfigOutcomes, made: Made) -> None:
    """The first of all problems: those behind it keep their own difficulties."""
    lost = {
        setting: [made(0, error="lost", spend=outcomes[0].spend), *outcomes[1:]]
        for setting, outcomes in measured.items()
    }
    fitted = calibrate_policy(lost, PLAN, estimate_difficulties("verifier", lost, PILOTS, "flops"))
    assert fitted.calibration is not None
    assert [(one.problems, one.measured) for one in fitted.calibration.bins] == [(19, 1.0), (20, 0.0)]
    assert "Left out: 1 problem of which" in printed(calibration_tables(fitted, Path("policy.json")))
    whole = calibrate_policy(measured, PLAN, estimate_difficulties("verifier", measured, PILOTS, "flops"))
    assert "Left out" not in printed(calibration_tables(whole, Path("policy.json")))


def test_a_budget_that_does_not_pay_for_the_pilots(measured: ConfigOutcomes) -> None:
    estimates = estimate_difficulties("verifier", measured, PILOTS, "flops")
    with pytest.raises(ConfigurationError, match="budgets of at least that"):
        calibrate_policy(measured, PLAN._replace(budgets=(1.0, 8.0)), estimates)


def test_costs_that_nobody_knows(measured: ConfigOutcomes) -> None:
    free = {
        setting: [one.model_copy(update={"spend": Spend(generated_tokens=5)}) for one in outcomes]
        for setting, outcomes in measured.items()
    }
    with pytest.raises(ConfigurationError, match="Take another unit"):
        calibrate_policy(free, PLAN, estimate_difficulties("verifier", free, PILOTS, "flops"))
