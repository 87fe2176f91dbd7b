"""Four rules that turn the scores of all steps into the score of the solution.

The right rule depends on the labels that the reward model was trained on. `last`: Monte-Carlo labels, where a step
score already means "probability of ending correctly" (Snell et al., arXiv 2408.03314, App. G; Zhang et al., 2501.07301,
3.2.4). `min` (Math-Shepherd, 2312.08935) and `prod` (Lightman et al., 2305.20050): labels of each step's correctness.
"""

import math
from collections.abc import Sequence

from its_graph.contracts import Aggregate, ScoreRange
from its_graph.errors import ConfigurationError

__all__ = ["AGGREGATIONS", "check_aggregation", "get_aggregation", "last", "mean", "minimum", "product"]


def last(scores: Sequence[float]) -> float:
    """Return the score of the last step: [.9, .5, .8] -> .8."""
    return _require_scores(scores)[-1]


def minimum(scores: Sequence[float]) -> float:
    """Return the score of the weakest step: [.9, .5, .8] -> .5."""
    return min(_require_scores(scores))


def product(scores: Sequence[float]) -> float:
    """Return the probability that all steps are correct: [.9, .5, .8] -> .36. Probabilities only."""
    present = _require_scores(scores)
    if not all(0 <= score <= 1 for score in present):
        raise ConfigurationError(
            f"Scores must be in [0, 1] for the product; got {list(present)}. Use last, min or mean instead."
        )
    return math.prod(present)


def mean(scores: Sequence[float]) -> float:
    """Return the average: [.9, .5, .8] -> .7333."""
    present = _require_scores(scores)
    return math.fsum(present) / len(present)


AGGREGATIONS: dict[str, Aggregate] = {"last": last, "min": minimum, "prod": product, "mean": mean}


def get_aggregation(name: str, score_range: ScoreRange = "prob") -> Aggregate:
    """Return the rule called `name`; ConfigurationError if it is unknown or meaningless for `score_range`."""
    if name not in AGGREGATIONS:
        raise ConfigurationError(f"Aggregation must be one of {', '.join(AGGREGATIONS)}; got {name!r}.")
    return check_aggregation(AGGREGATIONS[name], score_range)


def check_aggregation(rule: Aggregate, score_range: ScoreRange) -> Aggregate:
    """Return `rule`; ConfigurationError if it is the product of unbounded scores."""
    if rule is product and score_range != "prob":
        raise ConfigurationError("score_range must be 'prob' for the product; got 'real'. Use last, min or mean.")
    return rule


def _require_scores(scores: Sequence[float]) -> Sequence[float]:
    if not scores:
        raise ConfigurationError("Step scores must not be empty; a solution without scores has no score, not 0.")
    return scores
