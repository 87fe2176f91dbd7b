"""Bandit rules: the priority of a child in a tree search. Pure functions of counts and means."""

import math
from collections.abc import Sequence

from its_graph.nodes.rules.types import BanditArm

__all__ = ["priors", "puct", "rest_ucb", "ucb1"]

_UNVISITED = 1.0
"""What ReST-MCTS* adds to the value of an unvisited child (its published code calls it infinite)."""


def ucb1(arm: BanditArm, exploration: float) -> float:
    """Return Q + c sqrt(ln N_parent / N), infinite for an unvisited child (UCT: Kocsis and Szepesvari 2006)."""
    if arm.visits <= 0:
        return math.inf
    return arm.value + exploration * math.sqrt(_log(arm.parent_visits) / arm.visits)


def puct(arm: BanditArm, exploration: float) -> float:
    """Return Q + c P sqrt(N_parent) / (1 + N) (Silver et al. 2017; for reasoning steps: AlphaMath, 2405.03553)."""
    return arm.value + exploration * arm.prior * math.sqrt(arm.parent_visits) / (1 + arm.visits)


def rest_ucb(arm: BanditArm, exploration: float) -> float:
    """Return V + c sqrt(2 ln N_parent / N), V + 1 for an unvisited child (ReST-MCTS*, 2406.03816)."""
    if arm.visits <= 0:
        return arm.value + _UNVISITED
    return arm.value + exploration * math.sqrt(2 * _log(arm.parent_visits) / arm.visits)


def priors(confidences: Sequence[float | None]) -> list[float]:
    """Return the priors of siblings: proportional to exp(mean log-probability of their tokens), or equal.

    Args:
        confidences: mean log-probability of each sibling; if any is unknown, all priors are equal.
    """
    likelihoods = [math.exp(confidence) for confidence in confidences if confidence is not None]
    if len(likelihoods) < len(confidences) or not sum(likelihoods):
        return [1 / len(confidences)] * len(confidences)
    return [likelihood / math.fsum(likelihoods) for likelihood in likelihoods]


def _log(visits: float) -> float:
    """Return ln of a count that may be below 1: virtual or fractional visits must not turn the bonus imaginary."""
    return math.log(max(visits, 1.0))
