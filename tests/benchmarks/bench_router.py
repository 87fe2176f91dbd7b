"""The saving of the router: policies fitted on one stream of embedded problems and measured on another.

`python tests/benchmarks/bench_router.py [--problems 300] [--work FILE]` fits one policy for each difficulty estimator,
chooses its budget by cross-fitting on the stream it was fitted on, and prints accuracy and FLOPs (pilots, verifier and
estimate included) on fresh problems next to fixed configs, with paired bootstrap intervals. The goal is the accuracy of
best-of-16 with 4 times fewer FLOPs. With --work, measurements are stored and not repeated.

`oracle` knows pass@1 from 16 other samples without paying for them, as the bins of the paper (Snell et al. 2408.03314).
"""

import argparse
import math
import random
from collections.abc import Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import NamedTuple, get_args

import torch

from its_graph.catalog.strategy_config import StrategyConfig
from its_graph.cli.runs.evaluation_run import ResultsStore, RunOptions, describe_run, run_cells
from its_graph.contracts import Generator, Verifier
from its_graph.embedded import load, problems
from its_graph.embedded.models import ArithmeticGenerator
from its_graph.evaluation import GridCell, Problem
from its_graph.evaluation.router.difficulty_estimates import Estimates, estimate_difficulties
from its_graph.evaluation.router.pilot_accounting import SINGLE, ConfigOutcomes, Pilots
from its_graph.evaluation.router.policy_calibration import FitPlan, build_trials, fixed_results
from its_graph.routing.crossfit import RoutedResults, cheapest_at_accuracy, cross_fit, route_trials, routing_gain
from its_graph.routing.fitting import default_budgets, fit_policy
from its_graph.routing.policy import Estimator
from its_graph.routing.regressor import Regressor
from its_graph.routing.trials import Trial

_WIDTHS = (1, 2, 3, 4, 6, 8, 12, 16)
CONFIGS = [SINGLE] + [
    StrategyConfig(strategy=strategy, options={"n": n})
    for strategy in ("self_consistency", "best_of_n", "adaptive_best_of_n")
    for n in _WIDTHS
]
REFERENCE = StrategyConfig(strategy="best_of_n", options={"n": 16})
DRAWN = StrategyConfig(strategy="self_consistency", options={"n": 16})
PILOTS = 2
_RESAMPLES = 2000


class Stream(NamedTuple):
    """Problems measured with every config."""

    measured: ConfigOutcomes
    pass_at_1: Sequence[float]
    """From separate samples."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--problems", type=int, default=300, help="number to measure on, and to fit on")
    parser.add_argument("--seed", type=int, default=101, help="of the problems to fit on; fresh ones use the next")
    parser.add_argument("--work", type=Path, help="JSONL file of the measurements")
    args = parser.parse_args()
    torch.set_num_threads(1)
    generator, verifier = load()
    training, fresh = (
        _stream(generator, verifier, seed, args.problems, args.work) for seed in (args.seed, args.seed + 1)
    )
    print(f"{args.problems} problems to fit on, {args.problems} fresh ones to measure on; there, fixed configs:")
    for row in fixed_results(fresh.measured, "flops"):
        print(f"  {row.name:26}{100 * row.accuracy:6.1f} %{row.cost / 1e6:8.0f} MFLOP")
    for name in ("oracle", *get_args(Estimator)):
        trials, regressor = _trials(name, training, generator)
        fresh_trials, _ = _trials(name, fresh, generator, regressor)
        _report(name, trials, fresh_trials, _fixed(training), _fixed(fresh))


def _report(
    name: str,
    training: list[Trial],
    fresh: list[Trial],
    fixed_training: dict[str, RoutedResults],
    fixed_fresh: dict[str, RoutedResults],
) -> None:
    """Fit on `training`, choose the budget there, and print the results on `fresh` next to fixed configs."""
    goal, reference = fixed_training[REFERENCE.label], fixed_fresh[REFERENCE.label]
    budgets = sorted({*default_budgets(training), goal.cost / 4, goal.cost / 2, goal.cost})
    fit = partial(fit_policy, budgets=budgets, estimator="text", pilots=0, unit="flops")
    rows = cross_fit(training, fit)
    policy = fit(training)
    cheapest_match = cheapest_at_accuracy(goal.accuracy, rows)
    print(f"\n{name}: on the problems of the fit, cross-fitted, the router ", end="")
    print(
        "does not match best-of-16"
        if cheapest_match is None
        else f"matches best-of-16 at {cheapest_match.cost / 1e6:.0f} MFLOP"
    )
    fit_budget = max(budgets) if cheapest_match is None else budgets[rows.index(cheapest_match)]
    for label, budget in (("budget of the fit", fit_budget), ("1/2", goal.cost / 2), ("1/4", goal.cost / 4)):
        routed = RoutedResults(label, tuple(route_trials(policy, fresh, budget)))
        gain, low_high = routing_gain(routed, reference).accuracy, _saving(routed, reference)
        print(
            f"  {label:18}{100 * routed.accuracy:6.1f} %{routed.cost / 1e6:8.0f} MFLOP: {100 * gain.mean:+.1f} "
            f"[{100 * gain.ci95.low:+.1f}, {100 * gain.ci95.high:+.1f}] points on best-of-16, "
            f"{reference.cost / routed.cost:.2f} [{low_high[0]:.2f}, {low_high[1]:.2f}] times fewer FLOPs"
        )
        baseline = fixed_fresh[_best_fixed(fixed_training, routed.cost)]
        gain = routing_gain(routed, baseline).accuracy
        print(
            f"{'':20}{100 * gain.mean:+.1f} [{100 * gain.ci95.low:+.1f}, {100 * gain.ci95.high:+.1f}] points on "
            f"{baseline.name}, the best fixed config of the fit at no higher cost: {baseline.cost / 1e6:.0f} MFLOP"
        )


def _best_fixed(fixed: dict[str, RoutedResults], cost: float) -> str:
    return max((row for row in fixed.values() if row.cost <= cost), key=lambda row: (row.accuracy, -row.cost)).name


def _saving(routed: RoutedResults, reference: RoutedResults) -> tuple[float, float]:
    """Return the paired bootstrap interval of the ratio of mean costs."""
    chance = random.Random(0)
    pairs = [(a.cost, b.cost) for a, b in zip(reference.results, routed.results, strict=True)]
    drawn = (chance.choices(pairs, k=len(pairs)) for _ in range(_RESAMPLES))
    ratios = sorted(math.fsum(a for a, _ in pick) / math.fsum(b for _, b in pick) for pick in drawn)
    return ratios[round(0.025 * _RESAMPLES)], ratios[round(0.975 * _RESAMPLES) - 1]


def _trials(
    name: str, stream: Stream, generator: ArithmeticGenerator, regressor: Regressor | None = None
) -> tuple[list[Trial], Regressor | None]:
    """Return the trials of a stream by the estimator, and its regressor for the next stream."""
    if name == "oracle":
        plan = FitPlan("text", Pilots(0, verified=False), "flops")
        estimates = Estimates(tuple(1 - share for share in stream.pass_at_1), (0.0,) * len(stream.pass_at_1))
        return build_trials(stream.measured, plan, estimates), None
    estimator: Estimator = name  # type: ignore[assignment]  # one of get_args(Estimator)
    drawn = 0 if estimator in ("learned", "text") else PILOTS
    plan = FitPlan(estimator, Pilots(drawn, verified=drawn > 0), "flops")
    estimates = estimate_difficulties(
        estimator, stream.measured, plan.pilots, "flops", embed=generator.embed, regressor=regressor
    )
    return build_trials(stream.measured, plan, estimates), estimates.regressor


def _stream(generator: Generator, verifier: Verifier, seed: int, count: int, work: Path | None) -> Stream:
    exam_problems = [Problem(*pair) for pair in problems(count, seed=seed)]
    measured = _measured(CONFIGS, generator, verifier, exam_problems, seed, work)
    # Another seed draws other samples of the same problems.
    (separate,) = _measured([DRAWN], generator, verifier, exam_problems, seed + 1_000_000, work).values()
    return Stream(measured, [outcome.correct_candidates / max(outcome.candidates, 1) for outcome in separate])


def _measured(
    configs: Sequence[StrategyConfig],
    generator: Generator,
    verifier: Verifier,
    exam_problems: Sequence[Problem],
    seed: int,
    work: Path | None,
) -> ConfigOutcomes:
    runs = {GridCell(config): describe_run(GridCell(config), {"seed": seed}) for config in configs}
    with closing(ResultsStore(runs, exam_problems, work)) as results:
        if run_cells(results, generator, verifier, exam_problems, RunOptions(seed=seed, concurrency=8)):
            raise KeyboardInterrupt
    return {cell.config: outcomes for cell, outcomes in results.measured.items()}


def _fixed(stream: Stream) -> dict[str, RoutedResults]:
    return {row.name: row for row in fixed_results(stream.measured, "flops")}


if __name__ == "__main__":
    main()
