"""Resampling of particles: the path rule of particle filtering, its weights, two ways to draw, two annealing schedules.

A particle is a path. The frontier lists it once per copy, finished particles included: these keep their last weight
and continue to compete. Truncated paths leave the population, since they can be neither continued nor trusted.
"""

import math
import random
from bisect import bisect
from collections.abc import Sequence
from itertools import accumulate

from its_graph.contracts import ScoreRange
from its_graph.nodes.rules.rebase import unit_scores
from its_graph.nodes.rules.types import Annealing, PathRule, Resampler
from its_graph.search.tree import Tree

__all__ = [
    "cooling",
    "effective_size",
    "least_effective_size",
    "multinomial",
    "odds_weights",
    "resample_particles",
    "systematic",
]

_CLIP = 1e-7
"""Scores are kept this far from 0 and 1, where the log-odds are infinite."""


def odds_weights(scores: Sequence[float], temperature: float = 1.0) -> list[float]:
    """Return theta = softmax(logit(score) / temperature): at temperature 1 the odds w / (1 - w), normalized.

    [.9, .5] -> [.9, .1]. Puri et al. (2502.01618): a step's score is the probability that the path so far is correct.
    """
    clipped = [min(max(score, _CLIP), 1 - _CLIP) for score in scores]
    logits = [(math.log(score) - math.log1p(-score)) / temperature for score in clipped]
    top = max(logits, default=0.0)
    odds = [math.exp(logit - top) for logit in logits]
    total = math.fsum(odds)
    return [value / total for value in odds]


def effective_size(weights: Sequence[float]) -> float:
    """Return the effective sample size 1 / sum(theta^2) of weights that sum to 1: n if all are equal."""
    return 1 / math.fsum(weight * weight for weight in weights)


def multinomial(weights: Sequence[float], n: int, rng: random.Random) -> list[int]:
    """Draw `n` indices independently, each in proportion to its weight."""
    return rng.choices(range(len(weights)), weights, k=n)


def systematic(weights: Sequence[float], n: int, rng: random.Random) -> list[int]:
    """Draw `n` indices by one random offset: each occurs n theta times, rounded up or down.

    It has the mean of `multinomial` and, in practice, less variance (Douc and Cappe, cs/0507025, section 3).
    """
    ends = list(accumulate(weights))
    offset = rng.random()
    points = (ends[-1] * (offset + draw) / n for draw in range(n))
    return [min(bisect(ends, point), len(ends) - 1) for point in points]


def cooling(start: float, rounds: int) -> Annealing:
    """Start at temperature `start` and decrease linearly to 1 over `rounds` rounds.

    Early scores are the least certain; flatter weights keep more of the early paths.
    """

    def temperature(number: int, scores: Sequence[float]) -> float:
        return 1 + (start - 1) * max(rounds + 1 - number, 0) / rounds

    return temperature


def least_effective_size(share: float) -> Annealing:
    """Flatten the weights just enough for an effective sample size of at least `share` of the particles."""

    def temperature(number: int, scores: Sequence[float]) -> float:
        least = share * len(scores)
        flat, sharp = 0.0, 1.0  # inverse temperatures; at 0 all weights are equal, which is enough
        if effective_size(odds_weights(scores)) >= least:
            return 1.0
        for _ in range(40):
            middle = (flat + sharp) / 2
            enough = effective_size(odds_weights(scores, 1 / middle)) >= least
            flat, sharp = (middle, sharp) if enough else (flat, middle)
        return 1 / flat if flat else math.inf

    return temperature


def resample_particles(
    n: int, draw: Resampler = multinomial, anneal: Annealing | None = None, *, score_range: ScoreRange = "prob"
) -> PathRule:
    """Draw a population of `n` from all particles by theta = softmax(logit w), where w is the score of the path.

    A particle without a score gets the mean score. A population that is entirely finished, or that an exhausted
    budget ends, is final and kept as is: another draw would only lose particles.
    """

    def rule(tree: Tree) -> list[str]:
        particles = _population(tree)
        if tree.stop_reason is not None or not any(map(tree.open, particles)):
            return particles
        scores = unit_scores(tree, particles, score_range)
        temperature = 1.0 if anneal is None else anneal(tree.depth(tree.new_steps[0]), scores)
        rng = random.Random(tree.seed(f"resample:{tree.next_id}"))
        drawn = draw(odds_weights(scores, temperature), n, rng)
        return [particles[index] for index in sorted(drawn)]

    return rule


def _population(tree: Tree) -> list[str]:
    """Return the particles after a round, oldest first: new paths, and finished ones of the previous frontier."""
    finished = filter(tree.finished, tree.frontier)
    return sorted([*finished, *(step for step in tree.new_steps if not tree.truncated(step))], key=int)
