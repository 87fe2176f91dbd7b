"""Advantage: paths compete by progress as well as by promise (Setlur et al. 2410.08146, "PAV").

The effective reward of a step is Q + alpha A. Q is the probability that the generator solves the question from here,
as the verifier estimates it. A, the advantage, is how much the step raised the success probability of a prover. The
prover is the best of k samples of the generator itself, so a single Q model provides both terms:
Q_k = 1 - (1 - Q)^k, A = Q_k(after) - Q_k(before).
"""

import math

from its_graph.contracts import ScoreRange
from its_graph.errors import ConfigurationError
from its_graph.nodes.rules.choice import to_unit
from its_graph.nodes.rules.types import StepScore
from its_graph.search.tree import Tree

__all__ = ["advantage", "effective_reward"]


def advantage(alpha: float = 0.5, k: int = 4, *, score_range: ScoreRange = "prob") -> StepScore:
    """Return the effective reward as a step score: `create_beam_search(..., score=advantage())`.

    It only decides which paths are kept; the winner is chosen by Q alone. The question itself has no score, and a
    parent may lack one: the mean Q of the step and its siblings is used instead.

    Args:
        alpha: weight of the advantage. The paper found .2 to .6 to help: .5 for generators of 2B and 9B parameters,
            .2 for 27B.
        k: samples of the prover. The paper uses 4; 1 adds nothing, 2 is too weak, 32 saturates.
        score_range: range of the verifier's scores, which must estimate the probability of a correct final answer
            (Monte-Carlo labels).

    Raises:
        ConfigurationError: if alpha < 0 or k < 1.
    """
    if alpha < 0 or k < 1:
        raise ConfigurationError(f"advantage needs alpha >= 0 and k >= 1; got alpha={alpha!r}, k={k!r}.")
    scale = to_unit(score_range)

    def rule(tree: Tree, step: str) -> float | None:
        if (after := tree.score(step)) is None:
            return None
        parent = tree.steps[step]["parent"]
        parent_score = None if parent is None else tree.score(parent)
        before = _mean_of_siblings(tree, parent, score_range) if parent_score is None else scale(parent_score)
        return effective_reward(before, scale(after), alpha=alpha, k=k)

    return rule


def effective_reward(before: float, after: float, *, alpha: float = 0.5, k: int = 4) -> float:
    """Return Q + alpha A of a step that changes the success probability from `before` to `after`, both in [0, 1].

    (.2, .3) -> .38475: the prover's probability rises from .5904 to .7599.
    """
    return after + alpha * ((1 - before) ** k - (1 - after) ** k)


def _mean_of_siblings(tree: Tree, parent: str | None, score_range: ScoreRange) -> float:
    scale = to_unit(score_range)
    scores = [scale(score) for step in tree.children[parent] if (score := tree.score(step)) is not None]
    return math.fsum(scores) / len(scores)
