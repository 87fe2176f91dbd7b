"""advantage: what paths compete by when progress counts, not only promise (Setlur et al. 2410.08146, "PAV").

A step's effective reward is Q + alpha A. Q is the chance that the generator solves the question from here, as the
verifier says; A, the advantage, is how much the step raised the chance of a prover. The prover here is the best of k
samples of the generator itself, so that one Q model gives both: Q_k = 1 - (1 - Q)^k, A = Q_k(after) - Q_k(before).
"""

import math

from its_graph.contracts import ScoreRange
from its_graph.errors import ConfigurationError
from its_graph.nodes.rules.choice import to_unit
from its_graph.nodes.rules.frontier import StepScore
from its_graph.search.tree import Tree

__all__ = ["advantage", "effective_reward"]


def advantage(alpha: float = 0.5, k: int = 4, *, score_range: ScoreRange = "prob") -> StepScore:
    """Return the effective reward as the score that paths compete by: `create_beam_search(..., score=advantage())`.

    It prunes only: the winner is chosen by Q alone. What a first step started from has no score, and a parent may lack
    one: the mean Q of the step and its siblings takes its place.

    Args:
        alpha: weight of the advantage. The paper found .2 to .6 to help: .5 for generators of 2B and 9B parameters, .2
            for 27B.
        k: samples of the prover. The paper's 4; 1 adds nothing, 2 too little, 32 saturates.
        score_range: of the verifier; its scores must mean the chance to end right (Monte-Carlo labels).
    """
    if alpha < 0 or k < 1:
        raise ConfigurationError(f"The advantage needs alpha >= 0 and k >= 1. Given: alpha={alpha!r}, k={k!r}.")
    scale = to_unit(score_range)

    def rule(tree: Tree, step: str) -> float | None:
        if (after := tree.score(step)) is None:
            return None
        parent = tree.steps[step]["parent"]
        known = None if parent is None else tree.score(parent)
        before = _siblings_mean(tree, parent, score_range) if known is None else scale(known)
        return effective_reward(before, scale(after), alpha=alpha, k=k)

    return rule


def effective_reward(before: float, after: float, *, alpha: float = 0.5, k: int = 4) -> float:
    """Return Q + alpha A of a step that took the chance to end right from `before` to `after`, both in [0, 1].

    (.2, .3) -> .38475: the prover's chance rose from .5904 to .7599.
    """
    return after + alpha * ((1 - before) ** k - (1 - after) ** k)


def _siblings_mean(tree: Tree, parent: str | None, score_range: ScoreRange) -> float:
    scale = to_unit(score_range)
    scores = [scale(score) for step in tree.children[parent] if (score := tree.score(step)) is not None]
    return math.fsum(scores) / len(scores)
