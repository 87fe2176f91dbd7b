"""A model's confidence in its own text: token, group and trace confidence, self-certainty. Plain arithmetic.

Token confidence is minus the mean log-probability of the k most likely tokens: the more peaked the distribution, the
less likely its other top tokens, and the higher the confidence. A group is a sliding window of tokens, a trace a whole
solution (DeepConf, Fu et al., arXiv 2508.15260, section 2). Logarithms are natural.
"""

import math
from collections import deque
from collections.abc import Callable, Sequence
from typing import TypeAlias

__all__ = [
    "Groups",
    "TraceScore",
    "bottom_groups",
    "group_confidences",
    "lowest_group",
    "mean_confidence",
    "percentile",
    "self_certainty",
    "tail",
    "token_confidence",
]

TraceScore: TypeAlias = Callable[[Sequence[float]], float]
"""Turns the token confidences of a whole solution, at least one, into its score."""


def token_confidence(top_logprobs: Sequence[float]) -> float:
    """Return the confidence of one token from the log-probabilities of the k most likely ones at its position."""
    return -math.fsum(top_logprobs) / len(top_logprobs)


def self_certainty(logprobs: Sequence[float]) -> float:
    """Return KL(uniform || p) of one token from the log-probabilities of the whole vocabulary; 0 if it is uniform.

    A solution's self-certainty is the mean over its tokens (Kang et al., arXiv 2502.18581, section 3).
    """
    return -math.fsum(logprobs) / len(logprobs) - math.log(len(logprobs))


class Groups:
    """Group confidences as tokens arrive, one for each full window of `window` tokens."""

    def __init__(self, window: int) -> None:
        self._last: deque[float] = deque(maxlen=window)
        self._sum = 0.0
        self._window = window

    def add(self, confidence: float) -> float | None:
        """Add the next token; return the mean of the window that ends with it, or None before the first full window."""
        if len(self._last) == self._window:
            self._sum -= self._last[0]
        self._last.append(confidence)
        self._sum += confidence
        return self._sum / self._window if len(self._last) == self._window else None


def group_confidences(confidences: Sequence[float], window: int) -> list[float]:
    """Return the mean of every window of `window` tokens, in order; fewer tokens are one group, the mean of all."""
    if len(confidences) < window:
        return [mean_confidence(confidences)]
    groups = Groups(window)
    return [group for confidence in confidences if (group := groups.add(confidence)) is not None]


def mean_confidence(confidences: Sequence[float]) -> float:
    """Score a trace by the mean over all its tokens."""
    return math.fsum(confidences) / len(confidences)


def tail(tokens: int = 2048) -> TraceScore:
    """Score a trace by the mean over its last `tokens` tokens, where the answer is written."""
    return lambda confidences: mean_confidence(confidences[-tokens:])


def bottom_groups(window: int = 2048, share: float = 0.1) -> TraceScore:
    """Score a trace by the mean over the lowest `share` of its groups, at least one of them."""

    def score(confidences: Sequence[float]) -> float:
        groups = sorted(group_confidences(confidences, window))
        return mean_confidence(groups[: max(1, int(len(groups) * share))])

    return score


def lowest_group(window: int = 2048) -> TraceScore:
    """Score a trace by its least confident group, the number that a confidence floor watches during generation."""
    return lambda confidences: min(group_confidences(confidences, window))


def percentile(values: Sequence[float], percent: float) -> float:
    """Return the value below which `percent` % of `values` lie, linear between neighbors (type 7)."""
    ordered = sorted(values)
    position = (len(ordered) - 1) * percent / 100
    below = math.floor(position)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (position - below)
