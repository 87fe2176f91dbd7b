"""How hard each measured problem seems to an estimator, from what a router knows of it: its pilots, or its text."""

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
    """The difficulty of every problem, and what it took."""

    difficulties: tuple[float, ...]
    costs: tuple[float, ...]
    """Of the estimate itself, beside the pilots."""
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
        estimator: what difficulty is read from.
        measured: outcomes, those of `pilots.answer_config` among them; for `learned` those of `single` and of a sampling
            strategy of at least four samples too.
        pilots: the samples that are drawn before.
        unit: of the costs.
        score_range: of the verifier.
        embed: features of questions, for `learned`: the generator's method `embed`, or any function.
        regressor: for `learned`, one that was fitted on other problems. Without it one is fitted on these, and each
            problem has the estimate of one that was fitted without it.

    Raises:
        ConfigurationError: the estimator lacks what it reads.
    """
    if estimator == "learned":
        return _learned(measured, unit, embed, regressor)
    if estimator != "text" and (not pilots.samples or (estimator == "verifier" and not pilots.verified)):
        raise ConfigurationError(
            f"Difficulty by {estimator} is read from {'verified ' * (estimator == 'verifier')}pilots. "
            f"Given: {pilots.samples} pilots, verified: {pilots.verified}."
        )
    estimates: dict[Estimator, DifficultyEstimator] = {
        "verifier": partial(by_verifier, scale=to_unit(score_range)),
        "agreement": by_agreement,
        "text": by_text,
    }
    outcomes = measured[pilots.answer_config]
    difficulties = tuple(estimates[estimator](pilot_tree(outcome)) for outcome in outcomes)
    return Estimates(difficulties, (0.0,) * len(outcomes))


def unseen_pass_at_1(measured: ConfigOutcomes, pilots: Pilots) -> dict[int, float] | None:
    """Return by problem number the share of right samples behind the pilots; None where no setting drew enough.

    Problems that were lost, as too many of their samples failed, are not in it.
    """
    found = widest_pools(measured)
    if found is None:
        return None
    rest = {pool.index: [one.correct for one in pool.samples if int(one.id) >= pilots.samples] for pool in found[1]}
    return {number: sum(one) / len(one) for number, one in rest.items()} if all(rest.values()) else None


def _learned(measured: ConfigOutcomes, unit: Cost, embed: Embed | None, known: Regressor | None) -> Estimates:
    if embed is None:
        raise ConfigurationError(
            "Learned difficulty reads features of the question, and this generator has no method `embed`. "
            "Use a local model, or another estimator."
        )
    asked = measured[SINGLE]
    costs = tuple(_reading(outcome, unit) for outcome in asked)
    features = embed([outcome.problem for outcome in asked])
    if known is not None:
        return Estimates(tuple(known.difficulty(row) for row in features), costs, known)
    found = widest_pools(measured)
    if found is None:
        raise ConfigurationError(
            "Learned difficulty is fitted on pass@1, and no setting draws enough samples to measure that. "
            "Measure best_of_n or self_consistency with at least 4 samples as well."
        )
    from its_graph.routing.learned_difficulty import fit_regressor, cross_val_difficulties  # numpy: no other estimator needs it

    targets = {pool.index: pool.difficulty for pool in found[1]}
    rows = {one.index: row for one, row in zip(asked, features, strict=True)}
    drawn, wanted = [rows[number] for number in targets], list(targets.values())
    regressor = fit_regressor(drawn, wanted)
    apart = dict(zip(targets, cross_val_difficulties(drawn, wanted), strict=True))
    # A lost problem has no target, so the regressor is one that was fitted without it.
    difficulties = (apart[number] if number in apart else regressor.difficulty(row) for number, row in rows.items())
    return Estimates(tuple(difficulties), costs, regressor)


def _reading(single: Outcome, unit: Cost) -> float:
    """Return what it costs to read the question once, from the search that drew one sample."""
    spent = single.spend
    share = spent.prompt_tokens / max(spent.prompt_tokens + spent.generated_tokens, 1)
    return {"flops": share * spent.flops, "tokens": float(spent.prompt_tokens), "generated_tokens": 0.0}[unit]
