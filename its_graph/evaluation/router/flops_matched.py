"""A small model that searches, against a larger one that answers at once, at equal FLOPs over both their lives.

Snell et al. (2408.03314, section 7). A model M times larger costs 6 (M - 1) N D more to train, and M times as much to
ask. With R = tokens of inference / tokens of training, the small model may then spend on a question what the larger
one's answer costs and its share of the training that is saved: k = a + 3 (M - 1) / R single answers of its own, where a
is what the larger answer costs in these. The smaller R, the more.

For each R the small model takes, bin by bin, the best setting within that budget, verifier included: chosen on one half
of the problems, measured on the other. Bins come from samples that no search reads.
"""

import math
from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import NamedTuple, TypeAlias

from its_graph.catalog.strategy_config import StrategyConfig
from its_graph.errors import ConfigurationError
from its_graph.evaluation.outcome import Outcome
from its_graph.evaluation.router.pilot_accounting import SINGLE
from its_graph.routing.crossfit import cross_fit
from its_graph.routing.fitting import BINS, fit_policy
from its_graph.routing.policy import quantile_thresholds
from its_graph.routing.trials import Trial, TrialResult
from its_graph.statistics import Difference, paired_difference

__all__ = ["RATIOS", "FlopsMatch", "flops_matched", "inference_multiplier", "unseen_difficulty"]

SettingOutcomes: TypeAlias = Mapping[StrategyConfig, Sequence[Outcome]]

RATIOS = (0.16, 0.79, 22.0)
"""Inference / training, those of the paper: far more training, a little more, far more inference."""


class FlopsMatch(NamedTuple):
    """Both models on some problems, at one R."""

    ratio: float
    multiplier: float
    """Single answers of the small model that a question may cost."""
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
    """Single answers that the search really cost, on average."""
    lead: Difference
    """Of the search over the larger model."""


def inference_multiplier(
    size: float, ratio: float, *, answer: float | None = None, flops_per_parameter: float = 2.0
) -> float:
    """Return k, the single answers that the small model may spend on a question.

    Args:
        size: parameters of the larger model over those of the small one, at least 1.
        ratio: tokens of inference over tokens of training, above 0.
        answer: cost of the larger model's answer in the small one's; `size` where both write as much.
        flops_per_parameter: of inference, for a token: 2, or 4 where a verifier of the same size reads every answer of
            either model, as in the paper's last version.
    """
    if size < 1 or not ratio > 0:
        raise ConfigurationError(
            f"The larger model is at least as large, and inference / training is above 0. Given: {size:.3g}, {ratio}."
        )
    return (size if answer is None else answer) + 6 / flops_per_parameter * (size - 1) / ratio


def unseen_difficulty(outcome: Outcome, seen: int) -> float:
    """Return the share of wrong ones among a problem's samples from number `seen` on; 1 where there are none."""
    rest = [one.correct for one in outcome.samples if int(one.id) >= seen]
    return 1 - sum(rest) / len(rest) if rest else 1.0


def flops_matched(
    measured: SettingOutcomes,
    larger: Sequence[Outcome],
    size: float,
    difficulties: Sequence[float],
    *,
    ratios: Sequence[float] = RATIOS,
    bins: int = BINS,
    seed: int = 0,
) -> list[FlopsMatch]:
    """Compare the two models, ratio by ratio: all problems first, then from the easiest bin to the hardest.

    Args:
        measured: outcomes of the small model's settings, `single` among them.
        larger: outcomes of the larger model's single answers to the same problems.
        size: parameters of the larger model over those of the small one.
        difficulties: of the problems, from samples that none of the settings read.
        ratios: tokens of inference over tokens of training.
        bins: of about equal size.
        seed: of the bootstrap intervals.

    Raises:
        ConfigurationError: something is missing, or the problems are not the same.
    """
    _require_same(measured, larger)
    unit = _mean(one.spend.flops for one in measured[SINGLE])
    if not unit:
        raise ConfigurationError("The small model does not tell its parameters, so there are no FLOPs to match.")
    answer = _mean(one.spend.flops for one in larger) / unit
    budgets = {ratio: inference_multiplier(size, ratio, answer=answer) for ratio in ratios}
    trials = _trials(measured, difficulties, unit)
    choose = partial(fit_policy, estimator="agreement", pilots=0, unit="flops", bins=bins, budget_scope="per_bin")
    steps = sorted(set(budgets.values()))
    routed = dict(zip(steps, cross_fit(trials, partial(choose, budgets=steps)), strict=True))
    thresholds = quantile_thresholds(difficulties, bins)
    places = [bisect_right(thresholds, one) for one in difficulties]
    found = []
    for ratio, budget in budgets.items():
        rows = list(map(_Row, measured[SINGLE], routed[budget].results, larger))
        found.append(_match(ratio, budget, None, rows, seed))
        for place in range(len(thresholds) + 1):
            chosen = [row for row, its in zip(rows, places, strict=True) if its == place]
            found.append(_match(ratio, budget, place, chosen, seed))
    return found


class _Row(NamedTuple):
    """One problem."""

    single: Outcome
    searching: TrialResult
    larger: Outcome


def _require_same(measured: SettingOutcomes, larger: Sequence[Outcome]) -> None:
    if SINGLE not in measured:
        raise ConfigurationError("Budgets are counted in single answers of the small model: measure `single` as well.")
    numbers = {tuple(one.index for one in outcomes) for outcomes in (*measured.values(), larger)}
    if len(numbers) != 1:
        raise ConfigurationError("The two models, or the settings, were not measured on the same problems.")


def _trials(measured: SettingOutcomes, difficulties: Sequence[float], unit: float) -> list[Trial]:
    """Return the problems with costs in single answers."""

    def result(outcome: Outcome) -> TrialResult:
        return TrialResult(float(outcome.correct), outcome.spend.flops / unit)

    return [
        Trial(difficulty, {setting: result(outcomes[place]) for setting, outcomes in measured.items()})
        for place, difficulty in enumerate(difficulties)
    ]


def _match(ratio: float, multiplier: float, place: int | None, rows: Sequence[_Row], seed: int) -> FlopsMatch:
    def mean(value: Callable[[_Row], float]) -> float:
        return _mean(map(value, rows))

    return FlopsMatch(
        ratio,
        multiplier,
        place,
        len(rows),
        single=mean(lambda row: row.single.correct),
        searching=mean(lambda row: row.search.correct),
        larger=mean(lambda row: row.larger.correct),
        used=mean(lambda row: row.search.cost),
        lead=paired_difference(
            [row.search.correct for row in rows], [float(row.larger.correct) for row in rows], seed=seed
        ),
    )


def _mean(values: Iterable[float]) -> float:
    numbers = list(values)
    return math.fsum(numbers) / len(numbers)
