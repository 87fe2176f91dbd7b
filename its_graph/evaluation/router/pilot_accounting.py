"""Convert plain searches to what a router would get: pilots first, then a config, each sample paid for once.

A router draws k pilots, reads difficulty from them and continues with a config. Its accuracy and cost follow from
searches that ran separately:

- A config whose first k samples are the pilots themselves (best-of-N, votes) only draws the rest: best-of-16 after 2
  pilots is best-of-16, at the price of 16 samples. If it needs fewer samples than the pilots, its answer is theirs.
- Any other config (a step search) is paid for in addition to the pilots. Its answer omits their votes, which a router
  would count, so its accuracy is, if anything, underestimated.
- Verified pilots cost their verification, unless the config verifies them anyway. A pilot whose text is drawn again is
  verified again then: a search verifies equal texts once per round, and the pilots are a round of their own.
- `single` after pilots is the answer of the pilots.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple, TypeAlias

from its_graph.catalog.strategy_config import StrategyConfig
from its_graph.errors import ConfigurationError
from its_graph.evaluation.outcome import Outcome
from its_graph.routing.policy import Cost
from its_graph.routing.trials import TrialResult
from its_graph.search.state import Score, Step
from its_graph.search.tree import Tree

__all__ = ["SINGLE", "ConfigOutcomes", "Pilots", "after_pilots", "outcome_cost", "pilot_tree"]

ConfigOutcomes: TypeAlias = Mapping[StrategyConfig, Sequence[Outcome]]
"""The outcomes of each config, as `its_graph.evaluation.measure` returns them."""

SINGLE = StrategyConfig(strategy="single")


class Pilots(NamedTuple):
    """The samples that a router draws before it decides."""

    samples: int
    verified: bool
    """Whether they are scored: for the estimate, or because a config of the policy uses scores."""

    @property
    def draw_config(self) -> StrategyConfig:
        """The plain search that draws them; `single` without pilots."""
        return StrategyConfig(strategy="self_consistency", options={"n": self.samples}) if self.samples else SINGLE

    @property
    def answer_config(self) -> StrategyConfig:
        """The plain search that draws them, verifies them if `verified`, and answers."""
        if not self.verified:
            return self.draw_config
        return StrategyConfig(strategy="best_of_n", options={"n": self.samples})


def after_pilots(measured: ConfigOutcomes, pilots: Pilots, unit: Cost) -> list[dict[StrategyConfig, TrialResult]]:
    """Return for each problem the result of each config after the pilots.

    Args:
        measured: outcomes of the configs on the same problems, including `pilots.draw_config` and
            `pilots.answer_config`.
        pilots: what is drawn first.
        unit: of the costs.

    Raises:
        ConfigurationError: the pilots are not measured, or the configs not on the same problems.
    """
    missing = [config.label for config in (pilots.draw_config, pilots.answer_config) if config not in measured]
    if missing:
        raise ConfigurationError(f"The pilots are not measured: also measure {' and '.join(missing)}.")
    indices = {tuple(outcome.index for outcome in outcomes) for outcomes in measured.values()}
    if len(indices) != 1:
        raise ConfigurationError("All configs must be measured on the same problems. Measure the missing ones.")
    return [
        _results_after_pilots({config: outcomes[index] for config, outcomes in measured.items()}, pilots, unit)
        for index in range(len(indices.pop()))
    ]


def pilot_tree(outcome: Outcome) -> Tree:
    """Rebuild the tree of a search's independent samples, as far as difficulty estimators read it."""
    steps: dict[str, Step] = {}
    scores: dict[str, Score] = {}
    for sample in outcome.samples:
        steps[sample.id] = {
            "parent": None,
            # Outcomes from a file have answers but no texts.
            "text": "" if sample.answer is None else rf"\boxed{{{sample.answer}}}",
            "tokens": sample.tokens,
            "finish": "end" if sample.finished else "length",
            "confidence": None,
        }
        scores[sample.id] = {"step": sample.id, "value": sample.score, "steps": [sample.score], "tokens": 0}
    return Tree.of({"question": [{"role": "user", "content": outcome.problem}], "steps": steps, "scores": scores})


def _results_after_pilots(
    outcomes: Mapping[StrategyConfig, Outcome], pilots: Pilots, unit: Cost
) -> dict[StrategyConfig, TrialResult]:
    drawn, answered = outcomes[pilots.draw_config], outcomes[pilots.answer_config]
    pilot_cost = outcome_cost(answered, unit) if pilots.samples else 0.0
    verification_cost = outcome_cost(answered, unit) - outcome_cost(drawn, unit)
    pilot_result = TrialResult(float(answered.correct), outcome_cost(answered, unit))
    results = {SINGLE: pilot_result}
    for config, outcome in outcomes.items():
        if config in (SINGLE, pilots.draw_config, pilots.answer_config):
            continue
        correct, cost = float(outcome.correct), outcome_cost(outcome, unit)
        if not _continues_pilots(outcome, drawn):
            results[config] = TrialResult(correct, cost + pilot_cost)
        elif len(outcome.samples) < len(drawn.samples):
            results[config] = pilot_result
        else:
            verified = any(sample.score is not None for sample in outcome.samples)
            share = _share_drawn_again(outcome, len(drawn.samples)) if verified else 1.0
            results[config] = TrialResult(correct, cost + share * verification_cost)
    return results


def _share_drawn_again(outcome: Outcome, pilots: int) -> float:
    """Return the share of distinct pilots that are drawn again later; equal texts have equal scores."""
    texts = [(sample.answer, sample.tokens, sample.score) for sample in outcome.samples]
    return len({*texts[:pilots]} & {*texts[pilots:]}) / len({*texts[:pilots]})


def _continues_pilots(outcome: Outcome, drawn: Outcome) -> bool:
    """Return whether the first samples of a search are the pilots."""
    first, pilots = _first_samples(outcome, len(drawn.samples)), _first_samples(drawn, len(drawn.samples))
    return bool(first) and first == pilots[: len(first)]


def _first_samples(outcome: Outcome, count: int) -> list[tuple[str, str | None, int, bool]]:
    return [(sample.id, sample.answer, sample.tokens, sample.from_question) for sample in outcome.samples[:count]]


def outcome_cost(outcome: Outcome, unit: Cost) -> float:
    """Return the cost of a search; each unit is the name of a field of `Spend`."""
    return float(getattr(outcome.spend, unit))
