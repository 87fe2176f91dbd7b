"""A small model that searches, against a larger one that answers at once, at equal FLOPs over both their lives.

Snell et al. (2408.03314, section 7): a model M times larger costs M times the FLOPs of training and of every answer.
Where R = tokens of inference / tokens of training, its whole cost is matched by the small model if that spends
k = M + 3/2 (M - 1) / R times its single verified answer on each question. The smaller R, the more: training is saved.

For each R the small model takes, bin by bin, the best setting within that budget, chosen on one half of the problems
and measured on the other.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import NamedTuple, TypeAlias

from its_graph.errors import ConfigurationError
from its_graph.evaluation.outcome import Outcome
from its_graph.evaluation.pools import Pool, oracle_bins, widest_pools
from its_graph.routing.crossfit import cross_fit
from its_graph.routing.fitting import BINS, fit
from its_graph.routing.trials import Result, Trial
from its_graph.setting import Setting
from its_graph.statistics import Difference, paired_difference

__all__ = ["ONE", "RATIOS", "Match", "inference_multiplier", "matched"]

Measured: TypeAlias = Mapping[Setting, Sequence[Outcome]]

RATIOS = (0.08, 0.4, 11.0)
"""Inference / training, as in the paper: far more training, some more, far more inference."""

ONE = Setting(strategy="best_of_n", options={"n": 1})
"""A single verified answer: what budgets are counted in."""


class Match(NamedTuple):
    """Both models on some problems, at one R."""

    ratio: float
    multiplier: float
    """Single verified answers of the small model that a question may cost."""
    bin: int | None
    """0 is the easiest for the small model; None for all problems."""
    problems: int
    single: float
    """Accuracy of the small model's single answer."""
    searching: float
    """Accuracy of the small model with the best setting of the bin within the budget."""
    larger: float
    """Accuracy of the larger model's most likely answer."""
    used: float
    """Single verified answers that the search really cost, on average."""
    lead: Difference
    """Of the search over the larger model."""


def inference_multiplier(size: float, ratio: float) -> float:
    """Return k = M + 3/2 (M - 1) / R.

    Args:
        size: parameters of the larger model over those of the small one, at least 1.
        ratio: tokens of inference over tokens of training, above 0.
    """
    if size < 1 or not ratio > 0:
        raise ConfigurationError(
            f"The larger model is at least as large, and inference / training is above 0. Given: {size:.3g}, {ratio}."
        )
    return size + 1.5 * (size - 1) / ratio


def matched(
    measured: Measured,
    larger: Sequence[Outcome],
    size: float,
    *,
    ratios: Sequence[float] = RATIOS,
    bins: int = BINS,
    seed: int = 0,
) -> list[Match]:
    """Compare the two models, ratio by ratio: all problems first, then from the easiest bin to the hardest.

    Args:
        measured: outcomes of the small model's settings, `ONE` and a sampling strategy of four samples among them.
        larger: outcomes of the larger model's single answers to the same problems.
        size: parameters of the larger model over those of the small one.
        ratios: tokens of inference over tokens of training.
        bins: of about equal size, by the small model's pass@1 (the oracle's difficulty).
        seed: of the bootstrap intervals.

    Raises:
        ConfigurationError: something is missing, or the problems are not the same.
    """
    pools = _pools(measured, larger)
    budgets = {ratio: inference_multiplier(size, ratio) for ratio in ratios}
    trials = _trials(measured, [pool.difficulty for pool in pools])
    choose = partial(fit, estimator="agreement", pilots=0, unit="flops", bins=bins, budget_holds="in_each_bin")
    steps = sorted(set(budgets.values()))
    routed = dict(zip(steps, cross_fit(trials, partial(choose, budgets=steps)), strict=True))
    members: list[frozenset[int] | None] = [None, *oracle_bins(pools, bins).members]
    found = []
    for ratio, budget in budgets.items():
        rows = list(map(_Row, [pool.pass_at(1) for pool in pools], routed[budget].results, larger))
        for place, among in enumerate(members):
            chosen = [row for row in rows if among is None or row.larger.index in among]
            found.append(_match(ratio, budget, place - 1 if place else None, chosen, seed))
    return found


class _Row(NamedTuple):
    """One problem."""

    single: float
    searching: Result
    larger: Outcome


def _pools(measured: Measured, larger: Sequence[Outcome]) -> list[Pool]:
    if ONE not in measured:
        raise ConfigurationError(f"Budgets are counted in single verified answers: measure {ONE.label} as well.")
    found = widest_pools(measured)
    if found is None:
        raise ConfigurationError("Bins need pass@1: measure best_of_n or self_consistency with at least 4 samples.")
    numbers = {tuple(one.index for one in outcomes) for outcomes in (*measured.values(), larger)}
    if len(numbers) != 1:
        raise ConfigurationError("The two models, or the settings, were not measured on the same problems.")
    return found[1]


def _trials(measured: Measured, difficulties: Sequence[float]) -> list[Trial]:
    """Return the problems with costs in single verified answers."""
    unit = math.fsum(one.spend.flops for one in measured[ONE]) / len(measured[ONE])
    if not unit:
        raise ConfigurationError("The small model does not tell its parameters, so there are no FLOPs to match.")
    return [
        Trial(
            difficulty,
            {
                setting: Result(float(outcomes[place].right), outcomes[place].spend.flops / unit)
                for setting, outcomes in measured.items()
            },
        )
        for place, difficulty in enumerate(difficulties)
    ]


def _match(ratio: float, multiplier: float, place: int | None, rows: Sequence[_Row], seed: int) -> Match:
    def mean(value: Callable[[_Row], float]) -> float:
        return math.fsum(map(value, rows)) / len(rows)

    return Match(
        ratio,
        multiplier,
        place,
        len(rows),
        single=mean(lambda row: row.single),
        searching=mean(lambda row: row.searching.right),
        larger=mean(lambda row: row.larger.right),
        used=mean(lambda row: row.searching.cost),
        lead=paired_difference(
            [row.searching.right for row in rows], [float(row.larger.right) for row in rows], seed=seed
        ),
    )
