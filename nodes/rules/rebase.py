"""REBASE: each open path gets continuations in proportion to its softmax share of the scores.

Pure functions; the frontier repeats a path once per continuation.
"""

import math
from collections.abc import Sequence
from fractions import Fraction

from its_graph.contracts import ScoreRange
from its_graph.errors import ConfigurationError
from its_graph.nodes.rules.choice import to_unit
from its_graph.nodes.rules.types import PathRule
from its_graph.search.folds import Fold
from its_graph.search.state import Step
from its_graph.search.tree import Tree

__all__ = ["rebase", "rebase_widths", "unit_scores"]


def rebase(n: int, *, temperature: float = 0.2, keep_share: float = 1.0, score_range: ScoreRange = "prob") -> PathRule:
    """Share the rest of `n` among the open paths by the softmax of their scores (Wu et al. 2408.00724).

    The rest is `n` minus the paths that have ended, truncated ones included. A path without a score gets the mean
    score of the others.

    Args:
        n: paths in total.
        temperature: temperature of the softmax, above 0; small values spend nearly everything on the best path.
        keep_share: share of the open paths that compete, in (0, 1], best first and rounded up.
        score_range: range of the verifier's scores; unbounded ones are mapped through a sigmoid first.

    Raises:
        ConfigurationError: if `temperature` or `keep_share` is out of range.
    """
    if not temperature > 0:
        raise ConfigurationError(f"rebase needs temperature > 0; got {temperature!r}.")
    if not 0 < keep_share <= 1:
        raise ConfigurationError(f"rebase needs 0 < keep_share <= 1; got {keep_share!r}.")

    def rule(tree: Tree) -> list[str]:
        paths = list(filter(tree.open, tree.new_steps))
        scores = unit_scores(tree, paths, score_range)
        order = _descending(scores)[: math.ceil(round(len(paths) * keep_share, 9))]
        widths = rebase_widths([scores[index] for index in order], n - _ENDED(tree.steps, None), temperature)
        return [paths[index] for index, width in zip(order, widths, strict=True) for _ in range(width)]

    return rule


def rebase_widths(scores: Sequence[float], width: int, temperature: float = 0.2) -> list[int]:
    """Return the part of `width` that each of `scores` gets: ceil(W e / E), e = exp(score / temperature), best first.

    W is the width that remains and E the sum of the e not served yet, so the widths sum to `width` and the last ones
    may be 0: [.9, .8, .1] share 8 as 5, 3, 0.
    """
    top = max(scores, default=0.0)
    # Exact, because a share that is an integer must not be rounded up over an error in its last digit.
    weights = [Fraction(math.exp((score - top) / temperature)) for score in scores]
    remaining = sum(weights)
    widths = [0] * len(scores)
    for index in _descending(scores):
        if width <= 0:
            break
        widths[index] = math.ceil(width * weights[index] / remaining)
        width -= widths[index]
        remaining -= weights[index]
    return widths


def unit_scores(tree: Tree, steps: Sequence[str], score_range: ScoreRange) -> list[float]:
    """Return the scores of `steps` in [0, 1]; a missing score is the mean of the others, 0.5 if all are missing."""
    scale = to_unit(score_range)
    scores = [None if (score := tree.score(step)) is None else scale(score) for step in steps]
    present = [score for score in scores if score is not None]
    default = math.fsum(present) / len(present) if present else 0.5
    return [default if score is None else score for score in scores]


def _descending(scores: Sequence[float]) -> list[int]:
    """Return the indices of `scores` by descending score, ties to the lowest index."""
    return sorted(range(len(scores)), key=lambda index: (-scores[index], index))


def _count_ended(count: int, key: str, step: Step, view: None) -> int:
    return count + (step["finish"] != "stop_string" and "auxiliary" not in step)


_ENDED: Fold[int, None] = Fold(lambda: 0, _count_ended)
