"""Resampling of weighted particles: weights out of scores, two ways to draw by them, and how to anneal them.

Pure functions of numbers; chance comes from the generator that is handed in.
"""

import math
import random
from bisect import bisect
from collections.abc import Callable, Sequence
from itertools import accumulate
from typing import TypeAlias

__all__ = [
    "Annealing",
    "Resampler",
    "cooling",
    "effective_size",
    "least_effective_size",
    "multinomial",
    "odds_weights",
    "systematic",
]

Resampler: TypeAlias = Callable[[Sequence[float], int, random.Random], list[int]]
"""Draws `n` indices with replacement, each as often as its weight says on average. Weights need not add up to 1."""

Annealing: TypeAlias = Callable[[int, Sequence[float]], float]
"""Gives the temperature of a round: its number, from 1, and the scores in it, in [0, 1]. 1 leaves the weights as they
are, more flattens them. Pure."""

_CLIP = 1e-7
"""Scores are kept this far from 0 and 1, where the log-odds are infinite."""


def odds_weights(scores: Sequence[float], temperature: float = 1.0) -> list[float]:
    """Return theta = softmax(logit(score) / temperature): at temperature 1 the odds w / (1 - w), normalised.

    [.9, .5] -> [.9, .1]. Puri et al. (2502.01618): the score of a step is the chance that the path so far is right.
    """
    clipped = [min(max(score, _CLIP), 1 - _CLIP) for score in scores]
    logits = [(math.log(score) - math.log1p(-score)) / temperature for score in clipped]
    top = max(logits, default=0.0)
    odds = [math.exp(logit - top) for logit in logits]
    whole = math.fsum(odds)
    return [one / whole for one in odds]


def effective_size(weights: Sequence[float]) -> float:
    """Return the effective sample size 1 / sum(theta^2) of weights that add up to 1: n where all are equal."""
    return 1 / math.fsum(weight * weight for weight in weights)


def multinomial(weights: Sequence[float], n: int, chance: random.Random) -> list[int]:
    """Draw `n` indices independently, each by the weights."""
    return chance.choices(range(len(weights)), weights, k=n)


def systematic(weights: Sequence[float], n: int, chance: random.Random) -> list[int]:
    """Draw `n` indices by one random offset: each comes n theta times, rounded up or down.

    The same mean as `multinomial`, and in practice less variance (Douc and Cappe, cs/0507025, section 3).
    """
    ends = list(accumulate(weights))
    offset = chance.random()
    places = (ends[-1] * (offset + draw) / n for draw in range(n))
    return [min(bisect(ends, place), len(ends) - 1) for place in places]


def cooling(start: float, rounds: int) -> Annealing:
    """Begin with the temperature `start` and come down to 1, evenly, in `rounds` rounds.

    Early scores are the least certain ones; flattened weights keep more of the early paths.
    """

    def temperature(number: int, scores: Sequence[float]) -> float:
        return 1 + (start - 1) * max(rounds + 1 - number, 0) / rounds

    return temperature


def least_effective_size(share: float) -> Annealing:
    """Flatten the weights just as much as it takes to keep an effective sample size of `share` of the particles."""

    def temperature(number: int, scores: Sequence[float]) -> float:
        least = share * len(scores)
        flat, sharp = 0.0, 1.0  # inverse temperatures: enough at 0, where all weights are equal
        if effective_size(odds_weights(scores)) >= least:
            return 1.0
        for _ in range(40):
            middle = (flat + sharp) / 2
            enough = effective_size(odds_weights(scores, 1 / middle)) >= least
            flat, sharp = (middle, sharp) if enough else (flat, middle)
        return 1 / flat if flat else math.inf

    return temperature
