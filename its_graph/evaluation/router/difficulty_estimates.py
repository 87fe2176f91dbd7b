"""Difficulty estimates of measured problems, from what a router sees of them: pilots or text."""

from functools import partial
from typing import NamedTuple

from its_graph.contracts import ScoreRange
from its_graph.errors import ConfigurationError
from its_graph.evaluation.outcome import Outcome
from its_graph.evaluation.pools import widest_pools
from its_graph.evaluation.router.pilot_accounting import SINGLE, ConfigOutcomes, Pilots, pilot_tree
from its_graph.nodes.rules.choice import to_unit
from its_graph.routing.difficulty import DifficultyEstimator, by_agreement, by_text, by_verifier
from its_graph.routing.policy import Cost, Estimator
from its_graph.routing.regressor import Embed, Regressor

__all__ = ["Estimates", "estimate_difficulties", "unseen_pass_at_1"]


class Estimates(NamedTuple):
    """The difficulty of every problem and the cost of estimating it."""

    difficulties: tuple[float, ...]
    costs: tuple[float, ...]
    """Cost of the estimate itself, in addition to the pilots."""
    regressor: Regressor | None = None


def estimate_difficulties(
    estimator: Estimator,
    measured: ConfigOutcomes,
    pilots: Pilots,
    unit: Cost,
    *,
    score_range: ScoreRange = "prob",
    embed: Embed | None = None,
    regressor: Regressor | None = None,
) -> Estimates:
    """Return the estimates of all problems.

    Args:
        estimator: source of difficulty.
        measured: outcomes, including those of `pilots.answer_config`; for `learned` also those of `single` and of a
            sampling strategy with at least four samples.
        pilots: the samples that are drawn first.
        unit: of the costs.
        score_range: range of the verifier's scores.
        embed: feature function for `learned`: the generator's method `embed` or any other.
        regressor: for `learned`, a regressor fitted on other problems. Without it, one is fitted on these, and the
            estimate of each problem comes from one that was fitted without it.

    Raises:
        ConfigurationError: the estimator lacks its input.
    """
    if estimator == "learned":
        return _estimate_learned(measured, unit, embed, regressor)
    if estimator != "text" and (not pilots.samples or (estimator == "verifier" and not pilots.verified)):
        raise ConfigurationError(
            f"Difficulty by {estimator} needs {'verified ' * (estimator == 'verifier')}pilots; "
            f"got {pilots.samples} pilots, verified: {pilots.verified}."
        )
    estimators: dict[Estimator, DifficultyEstimator] = {
        "verifier": partial(by_verifier, scale=to_unit(score_range)),
        "agreement": by_agreement,
        "text": by_text,
    }
    outcomes = measured[pilots.answer_config]
    difficulties = tuple(estimators[estimator](pilot_tree(outcome)) for outcome in outcomes)
    return Estimates(difficulties, (0.0,) * len(outcomes))


def unseen_pass_at_1(measured: ConfigOutcomes, pilots: Pilots) -> dict[int, float] | None:
    """Return by problem index the share of correct samples after the pilots; None if no config drew enough.

    Problems that lost too many samples to failures are not included.
    """
    widest = widest_pools(measured)
    if widest is None:
        return None
    unseen = {
        pool.problem_index: [sample.correct for sample in pool.samples if int(sample.id) >= pilots.samples]
        for pool in widest[1]
    }
    if not all(unseen.values()):
        return None
    return {index: sum(correct) / len(correct) for index, correct in unseen.items()}


def _estimate_learned(
    measured: ConfigOutcomes, unit: Cost, embed: Embed | None, regressor: Regressor | None
) -> Estimates:
    if embed is None:
        raise ConfigurationError(
            "Learned difficulty needs features of the question, but this generator has no method `embed`. "
            "Use a local model or another estimator."
        )
    outcomes = measured[SINGLE]
    costs = tuple(_prompt_cost(outcome, unit) for outcome in outcomes)
    features = embed([outcome.problem for outcome in outcomes])
    if regressor is not None:
        return Estimates(tuple(regressor.difficulty(row) for row in features), costs, regressor)
    widest = widest_pools(measured)
    if widest is None:
        raise ConfigurationError(
            "Learned difficulty is fitted on pass@1, but no config draws enough samples to measure it. "
            "Also measure best_of_n or self_consistency with at least 4 samples."
        )
    from its_graph.routing.learned_difficulty import cross_val_difficulties, fit_regressor  # only this needs numpy

    targets = {pool.problem_index: pool.difficulty for pool in widest[1]}
    features_of = {outcome.index: row for outcome, row in zip(outcomes, features, strict=True)}
    inputs, difficulties = [features_of[index] for index in targets], list(targets.values())
    fitted = fit_regressor(inputs, difficulties)
    held_out = dict(zip(targets, cross_val_difficulties(inputs, difficulties), strict=True))
    # A lost problem has no target, so the regressor was fitted without it.
    estimates = (held_out[index] if index in held_out else fitted.difficulty(row) for index, row in features_of.items())
    return Estimates(tuple(estimates), costs, fitted)


def _prompt_cost(single: Outcome, unit: Cost) -> float:
    """Return the cost of one forward pass over the question, from the search that drew one sample."""
    spent = single.spend
    prompt_share = spent.prompt_tokens / max(spent.prompt_tokens + spent.generated_tokens, 1)
    costs = {"flops": prompt_share * spent.flops, "tokens": float(spent.prompt_tokens), "generated_tokens": 0.0}
    return costs[unit]
