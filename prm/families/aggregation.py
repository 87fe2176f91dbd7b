"""Four ways to turn the scores of all steps into the score of the solution.

Which one is right depends on the labels that the reward model was trained on. `last`: Monte-Carlo labels, where a
step score already means "chance to end right" (Snell et al., arXiv 2408.03314, App. G; Zhang et al., 2501.07301,
3.2.4). `min` (Math-Shepherd, 2312.08935) and `prod` (Lightman et al., 2305.20050): labels of each step's correctness.
"""

import math
from collections.abc import Sequence

from its_graph.contracts import Aggregate, ScoreRange
from its_graph.errors import ConfigurationError

__all__ = ["AGGREGATIONS", "aggregation", "check_aggregation", "last", "mean", "minimum", "product"]


def last(scores: Sequence[float]) -> float:
    """Return the score of the newest step: [.9, .5, .8] -> .8."""
    return _present(scores)[-1]


def minimum(scores: Sequence[float]) -> float:
    """Return the score of the weakest step: [.9, .5, .8] -> .5."""
    return min(_present(scores))


def product(scores: Sequence[float]) -> float:
    """Return the chance that all steps are right: [.9, .5, .8] -> .36. Probabilities only."""
    present = _present(scores)
    if not all(0 <= score <= 1 for score in present):
        raise ConfigurationError(
            f"The product needs scores in [0, 1], given {list(present)}. Use last, min or mean instead."
        )
    return math.prod(present)


def mean(scores: Sequence[float]) -> float:
    """Return the average: [.9, .5, .8] -> .7333."""
    present = _present(scores)
    return math.fsum(present) / len(present)


AGGREGATIONS: dict[str, Aggregate] = {"last": last, "min": minimum, "prod": product, "mean": mean}


def aggregation(name: str, score_range: ScoreRange = "prob") -> Aggregate:
    """Return the rule called `name`, refusing one that is meaningless for `score_range`."""
    if name not in AGGREGATIONS:
        raise ConfigurationError(f"Unknown aggregation {name!r}; expected one of {', '.join(AGGREGATIONS)}.")
    return check_aggregation(AGGREGATIONS[name], score_range)


def check_aggregation(rule: Aggregate, score_range: ScoreRange) -> Aggregate:
    """Return `rule`, or raise ConfigurationError where it is the product of unbounded scores."""
    if rule is product and score_range != "prob":
        raise ConfigurationError("The product needs score_range 'prob', given 'real'. Use last, min or mean.")
    return rule


def _present(scores: Sequence[float]) -> Sequence[float]:
    if not scores:
        raise ConfigurationError("There are no step scores to aggregate; the score is missing, not 0.")
    return scores
