"""What the router saves: policies fitted on one stream of embedded problems, measured on another.

`python tests/benchmarks/bench_router.py [--problems 300] [--work FILE]` fits one policy for each estimator of
difficulty, chooses its budget by cross-fitting on the stream it was fitted on, and prints accuracy and FLOPs (pilots,
verifier and estimate included) on fresh problems beside fixed settings, with paired bootstrap intervals. The goal is
best-of-16's accuracy with 4 times fewer FLOPs. With --work, what was measured is kept and not measured again.

`oracle` knows pass@1 from 16 other samples that nobody pays for, which is how the paper bins (Snell et al. 2408.03314).
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
from its_graph.cli.runs.evaluation_run import ResultsStore, described, run_evaluation
from its_graph.contracts import Generator, Verifier
from its_graph.embedded import load, problems
from its_graph.embedded.models import ArithmeticGenerator
from its_graph.evaluation import GridCell, Problem
from its_graph.evaluation.router.difficulty_estimates import Estimates, estimate_difficulties
from its_graph.evaluation.router.pilot_accounting import SINGLE, ConfigOutcomes, Pilots
from its_graph.evaluation.router.policy_calibration import FitPlan, fixed_results, build_trials
from its_graph.routing.crossfit import RoutedResults, cheapest_at_accuracy, cross_fit, routing_gain, route_trials
from its_graph.routing.fitting import fit_policy, default_budgets
from its_graph.routing.policy import Estimator
from its_graph.routing.regressor import Regressor
from its_graph.routing.trials import Trial

_WIDTHS = (1, 2, 3, 4, 6, 8, 12, 16)
SETTINGS = [SINGLE] + [
    StrategyConfig(strategy=strategy, options={"n": n})
    for strategy in ("self_consistency", "best_of_n", "adaptive_best_of_n")
    for n in _WIDTHS
]
REFERENCE = StrategyConfig(strategy="best_of_n", options={"n": 16})
DRAWN = StrategyConfig(strategy="self_consistency", options={"n": 16})
PILOTS = 2
_RESAMPLES = 2000


class Stream(NamedTuple):
    """Problems, as every setting solved them."""

    measured: ConfigOutcomes
    pass_at_1: Sequence[float]
    """From samples of its own."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--problems", type=int, default=300, help="to measure on; as many again to fit on")
    parser.add_argument("--seed", type=int, default=101, help="of the problems to fit on; the fresh ones have the next")
    parser.add_argument("--work", type=Path, help="JSONL file of what was measured")
    given = parser.parse_args()
    torch.set_num_threads(1)
    generator, verifier = load()
    known, fresh = (
        _stream(generator, verifier, seed, given.problems, given.work) for seed in (given.seed, given.seed + 1)
    )
    print(f"{given.problems} problems to fit on, {given.problems} fresh ones to measure on; alone, on the fresh ones:")
    for row in fixed_results(fresh.measured, "flops"):
        print(f"  {row.name:26}{100 * row.accuracy:6.1f} %{row.cost / 1e6:8.0f} MFLOP")
    for name in ("oracle", *get_args(Estimator)):
        trials, regressor = _trials(name, known, generator)
        again, _ = _trials(name, fresh, generator, regressor)
        _report(name, trials, again, _alone(known), _alone(fresh))


def _report(
    name: str, known: list[Trial], fresh: list[Trial], before: dict[str, RoutedResults], after: dict[str, RoutedResults]
) -> None:
    """Fit on `known`, choose the budget there, and print what comes of it on `fresh`, beside fixed settings."""
    aim, reference = before[REFERENCE.label], after[REFERENCE.label]
    budgets = sorted({*default_budgets(known), aim.cost / 4, aim.cost / 2, aim.cost})
    fitted = partial(fit_policy, budgets=budgets, estimator="text", pilots=0, unit="flops")
    rows = cross_fit(known, fitted)
    policy = fitted(known)
    reaching = cheapest_at_accuracy(aim.accuracy, rows)
    print(f"\n{name}: on the problems of the fit, cross-fitted, the router ", end="")
    print("does not reach best-of-16" if reaching is None else f"reaches best-of-16 at {reaching.cost / 1e6:.0f} MFLOP")
    wanted = max(budgets) if reaching is None else budgets[rows.index(reaching)]
    for label, budget in (("budget of the fit", wanted), ("1/2", aim.cost / 2), ("1/4", aim.cost / 4)):
        routed = RoutedResults(label, tuple(route_trials(policy, fresh, budget)))
        gain, low_high = routing_gain(routed, reference).accuracy, _saving(routed, reference)
        print(
            f"  {label:18}{100 * routed.accuracy:6.1f} %{routed.cost / 1e6:8.0f} MFLOP: {100 * gain.mean:+.1f} "
            f"[{100 * gain.ci95.low:+.1f}, {100 * gain.ci95.high:+.1f}] points on best-of-16, "
            f"{reference.cost / routed.cost:.2f} [{low_high[0]:.2f}, {low_high[1]:.2f}] times fewer FLOPs"
        )
        rival = after[_best_fixed(before, routed.cost)]
        gain = routing_gain(routed, rival).accuracy
        print(
            f"{'':20}{100 * gain.mean:+.1f} [{100 * gain.ci95.low:+.1f}, {100 * gain.ci95.high:+.1f}] points on "
            f"{rival.name}, the best fixed setting of the fit at no more: {rival.cost / 1e6:.0f} MFLOP"
        )


def _best_fixed(alone: dict[str, RoutedResults], cost: float) -> str:
    return max((row for row in alone.values() if row.cost <= cost), key=lambda row: (row.accuracy, -row.cost)).name


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
    """Return a stream as the estimator sees it, and what it has learned, to be used on the next one."""
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
    exam = [Problem(*pair) for pair in problems(count, seed=seed)]
    measured = _measured(SETTINGS, generator, verifier, exam, seed, work)
    # Another seed draws other samples of the same problems.
    (apart,) = _measured([DRAWN], generator, verifier, exam, seed + 1_000_000, work).values()
    return Stream(measured, [one.correct_candidates / max(one.candidates, 1) for one in apart])


def _measured(
    settings: Sequence[StrategyConfig],
    generator: Generator,
    verifier: Verifier,
    exam: Sequence[Problem],
    seed: int,
    work: Path | None,
) -> ConfigOutcomes:
    arms = {GridCell(setting): described(GridCell(setting), {"seed": seed}) for setting in settings}
    with closing(ResultsStore(arms, exam, work)) as notebook:
        if run_evaluation(notebook, generator, verifier, exam, seed=seed, concurrency=8, reuse=True, hide_bar=False):
            raise KeyboardInterrupt
    return {arm.config: rows for arm, rows in notebook.measured.items()}


def _alone(stream: Stream) -> dict[str, RoutedResults]:
    return {row.name: row for row in fixed_results(stream.measured, "flops")}


if __name__ == "__main__":
    main()
