"""From the outcomes of a setting to its line in a table."""

import math
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from its_graph.budget import total
from its_graph.errors import ConfigurationError
from its_graph.evaluation.outcome import Outcome
from its_graph.statistics import Difference, Interval, paired_difference, pass_at_k, wilson

__all__ = ["SummaryRow", "compare_outcomes", "summarize_outcomes"]


class SummaryRow(NamedTuple):
    """A setting's line in a table. Means are per problem."""

    problems: int
    accuracy: float
    ci95: Interval
    """Wilson interval of the accuracy."""
    failed: int
    """Searches without any candidate; each counts as wrong."""
    pass_at_n: float | None
    """Oracle: share of problems with a right candidate. None where a search has only one candidate."""
    random: float | None
    """Expected accuracy of a random finished candidate. None where a search has only one candidate."""
    mean_prompt_tokens: float
    mean_generated_tokens: float
    mean_verifier_tokens: float
    mean_calls: float
    mean_flops: float
    seconds: float
    """Mean wall time of a search, with whatever else ran beside it."""
    mean_cached_tokens: float = 0.0
    """The part of the prompt tokens that a prefix cache served."""
    mean_verifier_flops: float | None = None
    """The part of the FLOPs that verifiers and judges used; None where older outcomes do not say."""
    majority: float | None = None
    """Accuracy of the plain vote of its candidates. None where a search has only one, or older outcomes do not say."""
    best_score: float | None = None
    """Accuracy of its candidate with the highest score. None where there is one, or no score."""
    reused: float = 0.0
    """Share of the calls whose replies an earlier search had drawn: above 0, `seconds` is no measure of the setting."""

    @property
    def mean_tokens(self) -> float:
        """All tokens: prompt, generated and read by verifiers."""
        return self.mean_prompt_tokens + self.mean_generated_tokens + self.mean_verifier_tokens


def summarize_outcomes(outcomes: Sequence[Outcome]) -> SummaryRow:
    """Sum up the outcomes of one setting.

    Raises:
        ConfigurationError: if there are none.
    """
    if not outcomes:
        raise ConfigurationError("There are no outcomes to sum up: run at least one problem.")
    count, right = len(outcomes), sum(one.correct for one in outcomes)
    spent = total(one.spend for one in outcomes)
    many = any(one.candidates > 1 for one in outcomes)
    scored = many and any(one.best_correct is not None for one in outcomes)
    return SummaryRow(
        problems=count,
        accuracy=right / count,
        ci95=wilson(right, count),
        failed=sum(one.error is not None for one in outcomes),
        pass_at_n=_mean(map(_oracle, outcomes)) if many else None,
        random=_mean(map(_random_choice, outcomes)) if many else None,
        mean_prompt_tokens=spent.prompt_tokens / count,
        mean_generated_tokens=spent.generated_tokens / count,
        mean_verifier_tokens=spent.verifier_tokens / count,
        mean_calls=spent.calls / count,
        mean_flops=spent.flops / count,
        seconds=_mean(one.seconds for one in outcomes),
        mean_cached_tokens=spent.cached_tokens / count,
        mean_verifier_flops=_known(outcomes, lambda one: one.verifier_flops),
        majority=_known(outcomes, lambda one: one.majority_correct) if many else None,
        best_score=_known(outcomes, lambda one: one.best_correct) if scored else None,
        reused=sum(one.reused for one in outcomes) / spent.calls if spent.calls else 0.0,
    )


def compare_outcomes(one: Sequence[Outcome], other: Sequence[Outcome], *, seed: int = 0) -> Difference | None:
    """Return how much more accurate `one` is than `other` on the problems that both have, or None without any.

    The order of the outcomes, which is often that in which searches ended, does not move the interval.
    """
    right, before = ({outcome.index: float(outcome.correct) for outcome in outcomes} for outcomes in (one, other))
    shared = sorted(right.keys() & before.keys())
    if not shared:
        return None
    return paired_difference([right[index] for index in shared], [before[index] for index in shared], seed=seed)


def _oracle(one: Outcome) -> float:
    return pass_at_k(one.candidates, one.correct_candidates, one.candidates) if one.candidates else 0.0


def _random_choice(one: Outcome) -> float:
    return pass_at_k(one.finished, one.correct_finished, 1) if one.finished else 0.0


def _known(outcomes: Sequence[Outcome], value: Callable[[Outcome], float | None]) -> float | None:
    """Return the mean over all searches, 0 for those without a candidate; None unless all the others say."""
    found = [0.0 if (said := value(one)) is None and not one.candidates else said for one in outcomes]
    known = [one for one in found if one is not None]
    return _mean(known) if len(known) == len(found) else None


def _mean(values: Iterable[float]) -> float:
    numbers = list(values)
    return math.fsum(numbers) / len(numbers)
