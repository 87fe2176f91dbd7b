"""A small model that searches against a larger one that answers once, at equal FLOPs for training and inference.

Snell et al. (2408.03314, section 7). A model M times larger costs 6 (M - 1) N D more to train, and M times as much per
answer. With R = inference tokens / training tokens, the small model may spend on a question the cost of the larger
model's answer and its share of the saved training: k = a + 3 (M - 1) / R of its own single answers, where a is the cost
of the larger answer in these. The smaller R, the more.

For each R, the small model takes in each bin the best config within that budget, verifier included: chosen on one half
of the problems, measured on the other. The bins come from samples that no search uses.
"""

from bisect import bisect_right
from collections.abc import Callable, Sequence
from functools import partial
from statistics import fmean
from typing import NamedTuple

from its_graph.errors import ConfigurationError
from its_graph.evaluation.outcome import Outcome
from its_graph.evaluation.router.pilot_accounting import SINGLE, ConfigOutcomes
from its_graph.routing.crossfit import cross_fit
from its_graph.routing.fitting import BINS, fit_policy
from its_graph.routing.policy import quantile_thresholds
from its_graph.routing.trials import Trial, TrialResult
from its_graph.statistics import Difference, paired_difference

__all__ = ["RATIOS", "FlopsMatch", "flops_matched", "inference_multiplier", "unseen_difficulty"]

RATIOS = (0.16, 0.79, 22.0)
"""Inference / training, as in the paper: far more training, slightly more training, far more inference."""


class FlopsMatch(NamedTuple):
    """Both models on some problems at one R."""

    ratio: float
    multiplier: float
    """Budget of a question in single answers of the small model."""
    bin: int | None
    """0 is the easiest for the small model; None for all problems."""
    problems: int
    single: float
    """Accuracy of the small model's single answer."""
    search: float
    """Accuracy of the small model with the best config of the bin within the budget."""
    larger: float
    """Accuracy of the larger model's most likely answer."""
    spent: float
    """Mean cost of the search in single answers."""
    gain: Difference
    """Accuracy of the search minus that of the larger model."""


def inference_multiplier(
    size: float, ratio: float, *, answer: float | None = None, flops_per_parameter: float = 2.0
) -> float:
    """Return k, the single answers that the small model may spend on a question.

    Args:
        size: parameters of the larger model over those of the small one, at least 1.
        ratio: inference tokens over training tokens, above 0.
        answer: cost of the larger model's answer in single answers of the small one; None takes `size`, which holds if
            both write equally long answers.
        flops_per_parameter: inference FLOPs per parameter and token: 2, or 4 if a verifier of the same size reads every
            answer of either model, as in the paper's last version.
    """
    if size < 1 or not ratio > 0:
        raise ConfigurationError(
            f"The size of the larger model must be at least 1, and inference / training above 0; "
            f"got {size:.3g} and {ratio}."
        )
    return (size if answer is None else answer) + 6 / flops_per_parameter * (size - 1) / ratio


def unseen_difficulty(outcome: Outcome, seen: int) -> float:
    """Return the share of incorrect samples among those of a problem from number `seen` on; 1 without any."""
    unseen = [sample.correct for sample in outcome.samples if int(sample.id) >= seen]
    return 1 - sum(unseen) / len(unseen) if unseen else 1.0


def flops_matched(
    measured: ConfigOutcomes,
    larger: Sequence[Outcome],
    size: float,
    difficulties: Sequence[float],
    *,
    ratios: Sequence[float] = RATIOS,
    bins: int = BINS,
    seed: int = 0,
) -> list[FlopsMatch]:
    """Compare the two models at each ratio: on all problems first, then from the easiest bin to the hardest.

    Args:
        measured: outcomes of the small model's configs, including `single`.
        larger: outcomes of the larger model's single answers to the same problems.
        size: parameters of the larger model over those of the small one.
        difficulties: difficulty of each problem, from samples that none of the configs uses.
        ratios: inference tokens over training tokens.
        bins: number of bins of about equal size.
        seed: of the bootstrap intervals.

    Raises:
        ConfigurationError: `single` or the FLOPs are missing, or the problems differ.
    """
    _require_same_problems(measured, larger)
    unit = fmean(outcome.spend.flops for outcome in measured[SINGLE])
    if not unit:
        raise ConfigurationError("The small model does not report its parameters, so there are no FLOPs to match.")
    answer = fmean(outcome.spend.flops for outcome in larger) / unit
    budgets = {ratio: inference_multiplier(size, ratio, answer=answer) for ratio in ratios}
    trials = _trials(measured, difficulties, unit)
    fit = partial(fit_policy, estimator="agreement", pilots=0, unit="flops", bins=bins, budget_scope="per_bin")
    ascending = sorted(set(budgets.values()))
    routed = dict(zip(ascending, cross_fit(trials, partial(fit, budgets=ascending)), strict=True))
    thresholds = quantile_thresholds(difficulties, bins)
    bin_of = [bisect_right(thresholds, difficulty) for difficulty in difficulties]
    matches = []
    for ratio, budget in budgets.items():
        rows = list(map(_Row, measured[SINGLE], routed[budget].results, larger))
        matches.append(_match(ratio, budget, None, rows, seed))
        for bin_index in range(len(thresholds) + 1):
            in_bin = [row for row, row_bin in zip(rows, bin_of, strict=True) if row_bin == bin_index]
            matches.append(_match(ratio, budget, bin_index, in_bin, seed))
    return matches


class _Row(NamedTuple):
    """One problem."""

    single: Outcome
    search: TrialResult
    larger: Outcome


def _require_same_problems(measured: ConfigOutcomes, larger: Sequence[Outcome]) -> None:
    if SINGLE not in measured:
        raise ConfigurationError("Budgets are counted in single answers of the small model: also measure `single`.")
    indices = {tuple(outcome.index for outcome in outcomes) for outcomes in (*measured.values(), larger)}
    if len(indices) != 1:
        raise ConfigurationError("Both models and all configs must be measured on the same problems.")


def _trials(measured: ConfigOutcomes, difficulties: Sequence[float], unit: float) -> list[Trial]:
    """Return the problems with costs in single answers."""

    def result(outcome: Outcome) -> TrialResult:
        return TrialResult(float(outcome.correct), outcome.spend.flops / unit)

    return [
        Trial(difficulty, {config: result(outcomes[index]) for config, outcomes in measured.items()})
        for index, difficulty in enumerate(difficulties)
    ]


def _match(ratio: float, multiplier: float, bin_index: int | None, rows: Sequence[_Row], seed: int) -> FlopsMatch:
    def mean(value: Callable[[_Row], float]) -> float:
        return fmean(map(value, rows))

    return FlopsMatch(
        ratio,
        multiplier,
        bin_index,
        len(rows),
        single=mean(lambda row: row.single.correct),
        search=mean(lambda row: row.search.correct),
        larger=mean(lambda row: row.larger.correct),
        spent=mean(lambda row: row.search.cost),
        gain=paired_difference(
            [row.search.correct for row in rows], [float(row.larger.correct) for row in rows], seed=seed
        ),
    )
