"""Expected gain: stop sampling when one more sample is expected to improve the best score by less than its price.

The myopic form of BEACON (Wan et al. 2510.15945): scores are drawn from a normal distribution of unknown mean and
variance, learned as they arrive; the next one is worth E[(max(best, next) - best)].

Model, with scores in [0, 1]: mean and variance have the normal-inverse-chi-square prior that weighs as much as one
score from the uniform distribution (mean 1/2, variance 1/12). After n scores of mean m and sum of squares Q about it,

    kappa = n + 1,  nu = n + 1,  mu = (n m + 1/2) / kappa,
    S = 1/12 + Q + n (m - 1/2)^2 / kappa,  s^2 = S (kappa + 1) / (nu kappa),

and the next score is mu + s t, where t has Student's distribution with nu degrees of freedom. A score is at most 1, so
the gain is I(best) - I(1), where
I(b) = E[(mu + s t - b)+] = s [(nu + z^2) / (nu - 1) f(z) - z (1 - F(z))], z = (b - mu) / s.
"""

import math
from collections.abc import Sequence

from its_graph.contracts import ScoreRange
from its_graph.nodes.rules.choice import to_unit
from its_graph.nodes.rules.types import StopRule
from its_graph.search.tree import Tree

__all__ = ["expected_gain", "expected_gain_below", "student_density", "student_tail"]


def expected_gain_below(price: float, score_range: ScoreRange = "prob") -> StopRule:
    """Stop when the expected gain of one more sample is below `price`.

    Several samples gain at most the sum of their individual gains: (max_i x_i - b)+ <= sum_i (x_i - b)+. So when this
    rule stops, no wave of any size would be worth its price either, as far as one wave of lookahead can tell.

    Scores of complete solutions count; without any, the search continues. Unbounded scores are mapped through a
    sigmoid first, so that a price always means the same.
    """
    scale = to_unit(score_range)

    def rule(tree: Tree) -> str | None:
        scores = [
            scale(finalist.score) for finalist in tree.finalists if finalist.finished and finalist.score is not None
        ]
        return "expected_gain" if scores and expected_gain(scores) < price else None

    return rule


def expected_gain(scores: Sequence[float]) -> float:
    """Return by how much one more score is expected to exceed the best of `scores` (in [0, 1], at least one)."""
    n, mean = len(scores), math.fsum(scores) / len(scores)
    squares = math.fsum((score - mean) ** 2 for score in scores)
    weight = n + 1
    center = (n * mean + 0.5) / weight
    total = 1 / 12 + squares + n * (mean - 0.5) ** 2 / weight
    spread = math.sqrt(total * (weight + 1) / weight**2)
    best = max(scores)
    return max(0.0, _expected_excess(best, center, spread, weight) - _expected_excess(1.0, center, spread, weight))


def _expected_excess(bound: float, center: float, spread: float, freedom: int) -> float:
    """Return E[(center + spread t - bound)+]."""
    z = (bound - center) / spread
    density = (freedom + z * z) / (freedom - 1) * student_density(z, freedom)
    return spread * (density - z * student_tail(z, freedom))


def student_density(z: float, freedom: int) -> float:
    """Return the density of Student's t distribution at `z`."""
    scale = math.lgamma((freedom + 1) / 2) - math.lgamma(freedom / 2) - math.log(freedom * math.pi) / 2
    return math.exp(scale - (freedom + 1) / 2 * math.log1p(z * z / freedom))


def student_tail(z: float, freedom: int) -> float:
    """Return P(t > z) of Student's t distribution with an integer number of degrees of freedom.

    By the finite series in cos^2(theta), theta = atan(z / sqrt(freedom)) (Abramowitz and Stegun 26.7.3 and 26.7.4).
    """
    theta = math.atan2(z, math.sqrt(freedom))
    cosine2 = math.cos(theta) ** 2
    odd = freedom % 2
    term = math.cos(theta) if odd else 1.0
    total = 0.0
    for step in range(odd, freedom - 1, 2):
        total += term
        term *= cosine2 * (step + 1) / (step + 2)
    inside = math.sin(theta) * total
    return 0.5 - (theta + inside) / math.pi if odd else 0.5 - inside / 2
