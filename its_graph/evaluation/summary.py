"""Summarize the outcomes of one strategy config in a row of a table."""

from collections.abc import Callable, Sequence
from statistics import fmean
from typing import NamedTuple

from its_graph.budget import total
from its_graph.errors import ConfigurationError
from its_graph.evaluation.outcome import Outcome
from its_graph.statistics import Difference, Interval, paired_difference, pass_at_k, wilson

__all__ = ["SummaryRow", "compare_outcomes", "summarize_outcomes"]


class SummaryRow(NamedTuple):
    """Accuracy and cost of one strategy config. Costs are means per problem.

    Example:
        >>> import asyncio
        >>> from its_graph import create
        >>> from its_graph.evaluation import evaluate, summarize_outcomes
        >>> from its_graph.testing import ToyGenerator
        >>> graph = create("self_consistency", ToyGenerator(0.0), n=4).compile()
        >>> row = summarize_outcomes(asyncio.run(evaluate(graph, [("Add 1, 2.", "3")])))
        >>> row.accuracy, row.pass_at_n, row.mean_calls
        (1.0, 1.0, 4.0)
    """

    problems: int
    accuracy: float
    ci95: Interval
    """Wilson interval of the accuracy."""
    failed: int
    """Searches without any candidate; each counts as incorrect."""
    pass_at_n: float | None
    """Oracle: share of problems with a correct candidate. None if a search has only one candidate."""
    random: float | None
    """Expected accuracy of a random finished candidate. None if a search has only one candidate."""
    mean_prompt_tokens: float
    mean_generated_tokens: float
    mean_verifier_tokens: float
    mean_calls: float
    mean_flops: float
    seconds: float
    """Mean wall time of a search while other searches ran concurrently."""
    mean_cached_tokens: float = 0.0
    """Part of the prompt tokens that a prefix cache served."""
    mean_verifier_flops: float | None = None
    """Part of the FLOPs used by verifiers and judges; None if older outcomes do not record it."""
    majority: float | None = None
    """Accuracy of the plain vote of the candidates. None if a search has only one, or if not recorded (older files)."""
    best_score: float | None = None
    """Accuracy of the candidate with the highest score. None if a search has only one, or there are no scores."""
    reused: float = 0.0
    """Share of calls answered from an earlier search. If above 0, `seconds` does not measure this config."""

    @property
    def mean_tokens(self) -> float:
        """All tokens: prompt, generated and read by verifiers."""
        return self.mean_prompt_tokens + self.mean_generated_tokens + self.mean_verifier_tokens


def summarize_outcomes(outcomes: Sequence[Outcome]) -> SummaryRow:
    """Summarize the outcomes of one strategy config.

    Args:
        outcomes: at least one.

    Raises:
        ConfigurationError: there are no outcomes.

    Example:
        >>> import asyncio
        >>> from its_graph import create
        >>> from its_graph.evaluation import evaluate, summarize_outcomes
        >>> from its_graph.testing import ToyGenerator
        >>> graph = create("single", ToyGenerator(0.0)).compile()
        >>> row = summarize_outcomes(asyncio.run(evaluate(graph, [("Add 1, 2.", "3"), ("Add 3, 5.", "9")])))
        >>> row.problems, row.accuracy
        (2, 0.5)
    """
    if not outcomes:
        raise ConfigurationError("A summary needs at least one outcome; got none.")
    count, correct = len(outcomes), sum(outcome.correct for outcome in outcomes)
    spent = total(outcome.spend for outcome in outcomes)
    has_choice = any(outcome.candidates > 1 for outcome in outcomes)
    has_scores = has_choice and any(outcome.best_correct is not None for outcome in outcomes)
    return SummaryRow(
        problems=count,
        accuracy=correct / count,
        ci95=wilson(correct, count),
        failed=sum(outcome.error is not None for outcome in outcomes),
        pass_at_n=fmean(map(_oracle, outcomes)) if has_choice else None,
        random=fmean(map(_random_choice, outcomes)) if has_choice else None,
        mean_prompt_tokens=spent.prompt_tokens / count,
        mean_generated_tokens=spent.generated_tokens / count,
        mean_verifier_tokens=spent.verifier_tokens / count,
        mean_calls=spent.calls / count,
        mean_flops=spent.flops / count,
        seconds=fmean(outcome.seconds for outcome in outcomes),
        mean_cached_tokens=spent.cached_tokens / count,
        mean_verifier_flops=_mean_if_recorded(outcomes, lambda outcome: outcome.verifier_flops),
        majority=_mean_if_recorded(outcomes, lambda outcome: outcome.majority_correct) if has_choice else None,
        best_score=_mean_if_recorded(outcomes, lambda outcome: outcome.best_correct) if has_scores else None,
        reused=sum(outcome.reused for outcome in outcomes) / spent.calls if spent.calls else 0.0,
    )


def compare_outcomes(outcomes: Sequence[Outcome], baseline: Sequence[Outcome], *, seed: int = 0) -> Difference | None:
    """Return how much more accurate `outcomes` are than `baseline` on the problems that both have, or None without any.

    The order of the outcomes, which is often that in which searches completed, does not affect the interval.

    Args:
        outcomes: of one strategy config.
        baseline: of the config to compare with.
        seed: of the paired bootstrap.

    Example:
        >>> import asyncio
        >>> from its_graph import create
        >>> from its_graph.evaluation import compare_outcomes, evaluate
        >>> from its_graph.testing import ToyGenerator
        >>> def outcomes(error):
        ...     graph = create("single", ToyGenerator(error)).compile()
        ...     return asyncio.run(evaluate(graph, [("Add 1, 2.", "3"), ("Add 3, 5.", "8")]))
        >>> compare_outcomes(outcomes(error=0.0), outcomes(error=1.0)).mean
        1.0
    """
    correct, correct_before = (
        {outcome.index: float(outcome.correct) for outcome in rows} for rows in (outcomes, baseline)
    )
    shared = sorted(correct.keys() & correct_before.keys())
    if not shared:
        return None
    return paired_difference(
        [correct[index] for index in shared], [correct_before[index] for index in shared], seed=seed
    )


def _oracle(outcome: Outcome) -> float:
    candidates = outcome.candidates
    return pass_at_k(candidates, outcome.correct_candidates, candidates) if candidates else 0.0


def _random_choice(outcome: Outcome) -> float:
    return pass_at_k(outcome.finished, outcome.correct_finished, 1) if outcome.finished else 0.0


def _mean_if_recorded(outcomes: Sequence[Outcome], value: Callable[[Outcome], float | None]) -> float | None:
    """Return the mean over all searches, 0 for those without a candidate; None if any other lacks the value."""
    values = []
    for outcome in outcomes:
        recorded = value(outcome)
        if recorded is None and outcome.candidates:
            return None
        values.append(0.0 if recorded is None else recorded)
    return fmean(values)
