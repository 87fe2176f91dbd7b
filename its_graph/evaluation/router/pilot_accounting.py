"""Plain searches, as a router would have had them: pilots first, then the setting, and each sample paid for once.

A router draws k pilots, reads difficulty from them and goes on with a setting. What that gives and costs follows from
searches that were run apart:

- A setting whose first k samples are the pilots themselves (best-of-N and votes are such) only draws the rest:
  best-of-16 behind 2 pilots is best-of-16, at the price of 16 samples. Where it asks for fewer, it is the pilots.
- Any other setting (a step search) is paid for on top of the pilots. Their votes are left out of its answer, which a
  router would count: its accuracy is, if anything, put too low.
- Pilots that are verified cost their verification, unless the setting verifies them anyway. One whose text is drawn
  again is read again then: a search reads equal texts once in a round, and pilots are a round of their own.
- `single` behind pilots is the answer that the pilots give.
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

__all__ = ["SINGLE", "ConfigOutcomes", "Pilots", "after_pilots", "pilot_tree", "outcome_cost"]

ConfigOutcomes: TypeAlias = Mapping[StrategyConfig, Sequence[Outcome]]
"""What `its_graph.evaluation.measure` returns."""

SINGLE = StrategyConfig(strategy="single")


class Pilots(NamedTuple):
    """The samples that a router draws before it decides."""

    samples: int
    verified: bool
    """Whether they are scored: for the estimate, or since a setting of the policy will go by scores."""

    @property
    def drawn(self) -> StrategyConfig:
        """The plain search that draws them, or the plain first sample where there are none."""
        return StrategyConfig(strategy="self_consistency", options={"n": self.samples}) if self.samples else SINGLE

    @property
    def answered(self) -> StrategyConfig:
        """The plain search that draws them, verifies them if they are to be, and answers."""
        return StrategyConfig(strategy="best_of_n", options={"n": self.samples}) if self.verified else self.drawn


def after_pilots(measured: ConfigOutcomes, pilots: Pilots, unit: Cost) -> list[dict[StrategyConfig, TrialResult]]:
    """Return for each problem what each setting gives behind the pilots.

    Args:
        measured: outcomes of the settings, `pilots.draw_config` and `pilots.answer_config` among them, of the same problems.
        pilots: what is drawn before.
        unit: of the costs.

    Raises:
        ConfigurationError: the pilots were not measured, or the settings not on the same problems.
    """
    missing = [one.label for one in (pilots.draw_config, pilots.answer_config) if one not in measured]
    if missing:
        raise ConfigurationError(f"The pilots were not measured: measure {' and '.join(missing)} as well.")
    numbers = {tuple(outcome.index for outcome in outcomes) for outcomes in measured.values()}
    if len(numbers) != 1:
        raise ConfigurationError("The settings were not measured on the same problems. Measure what is missing.")
    return [
        _behind({setting: outcomes[place] for setting, outcomes in measured.items()}, pilots, unit)
        for place in range(len(numbers.pop()))
    ]


def pilot_tree(outcome: Outcome) -> Tree:
    """Return a search's independent samples as a tree again, as far as estimates of difficulty read it."""
    steps: dict[str, Step] = {}
    scores: dict[str, Score] = {}
    for one in outcome.samples:
        steps[one.id] = {
            "parent": None,
            # Outcomes that come from a file have answers and no texts.
            "text": "" if one.answer is None else rf"\boxed{{{one.answer}}}",
            "tokens": one.tokens,
            "finish": "end" if one.finished else "length",
            "confidence": None,
        }
        scores[one.id] = {"step": one.id, "value": one.score, "steps": [one.score], "tokens": 0}
    return Tree.of({"question": [{"role": "user", "content": outcome.problem}], "steps": steps, "scores": scores})


def _behind(tried: Mapping[StrategyConfig, Outcome], pilots: Pilots, unit: Cost) -> dict[StrategyConfig, TrialResult]:
    drawn, answered = tried[pilots.draw_config], tried[pilots.answer_config]
    before = outcome_cost(answered, unit) if pilots.samples else 0.0
    verification = outcome_cost(answered, unit) - outcome_cost(drawn, unit)
    plain = TrialResult(float(answered.correct), outcome_cost(answered, unit))
    results = {SINGLE: plain}
    for setting, outcome in tried.items():
        if setting in (SINGLE, pilots.draw_config, pilots.answer_config):
            continue
        right, own = float(outcome.correct), outcome_cost(outcome, unit)
        if not _goes_on(outcome, drawn):
            results[setting] = TrialResult(right, own + before)
        elif len(outcome.samples) < len(drawn.samples):
            results[setting] = plain
        else:
            judged = any(one.score is not None for one in outcome.samples)
            share = _drawn_again(outcome, len(drawn.samples)) if judged else 1.0
            results[setting] = TrialResult(right, own + share * verification)
    return results


def _drawn_again(outcome: Outcome, pilots: int) -> float:
    """Return the share of the pilots' texts that come again behind them; equal texts have equal scores."""
    texts = [(one.answer, one.tokens, one.score) for one in outcome.samples]
    return len({*texts[:pilots]} & {*texts[pilots:]}) / len({*texts[:pilots]})


def _goes_on(outcome: Outcome, drawn: Outcome) -> bool:
    """Tell whether a search began with the very samples that the pilots are."""
    first, pilots = _beginning(outcome, len(drawn.samples)), _beginning(drawn, len(drawn.samples))
    return bool(first) and first == pilots[: len(first)]


def _beginning(outcome: Outcome, count: int) -> list[tuple[str, str | None, int, bool]]:
    return [(one.id, one.answer, one.tokens, one.from_question) for one in outcome.samples[:count]]


def outcome_cost(outcome: Outcome, unit: Cost) -> float:
    """Return what a search cost: a unit has the name of its figure in the ledger."""
    return float(getattr(outcome.spend, unit))
