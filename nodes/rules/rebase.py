"""Allocation: how many continuations each open path gets, by its share of a softmax over the scores.

Pure functions; the frontier that they make names a path once for each of its continuations.
"""

import math
from collections.abc import Sequence
from fractions import Fraction

from its_graph.contracts import ScoreRange
from its_graph.errors import ConfigurationError
from its_graph.nodes.rules.choice import to_unit
from its_graph.nodes.select import PathRule
from its_graph.search.folds import Fold
from its_graph.search.state import Step
from its_graph.search.tree import Tree

__all__ = ["rebase", "rebase_widths", "unit_scores"]


def rebase(n: int, *, temperature: float = 0.2, keep_share: float = 1.0, score_range: ScoreRange = "prob") -> PathRule:
    """Share what is left of `n` among the open paths by the softmax of their scores (Wu et al. 2408.00724).

    What is left is `n` less the paths that have ended, cut-off ones included. A path without a score counts as much as
    the mean of the others.

    Args:
        n: paths in all.
        temperature: of the softmax; small ones spend nearly all on the best path.
        keep_share: share of the open paths that compete, best first and rounded up; 1 is all of them.
        score_range: of the verifier; unbounded scores go through a sigmoid first.
    """
    if not temperature > 0:
        raise ConfigurationError(f"REBASE needs a temperature above 0. Given: temperature={temperature!r}.")
    if not 0 < keep_share <= 1:
        raise ConfigurationError(f"REBASE keeps a share in (0, 1] of the open paths. Given: keep_share={keep_share!r}.")

    def rule(tree: Tree) -> list[str]:
        paths = list(filter(tree.open, tree.new_steps))
        scores = unit_scores(tree, paths, score_range)
        order = _falling(scores)[: math.ceil(round(len(paths) * keep_share, 9))]
        widths = rebase_widths([scores[index] for index in order], n - _ENDED(tree.steps, None), temperature)
        return [paths[index] for index, width in zip(order, widths, strict=True) for _ in range(width)]

    return rule


def rebase_widths(scores: Sequence[float], width: int, temperature: float = 0.2) -> list[int]:
    """Return how much of `width` each of `scores` gets: ceil(W e / E) with e = exp(score / temperature), best first.

    W is what is left of the width, E the sum of the e still to be served, so the widths add up to `width` and the last
    ones may be 0: [.9, .8, .1] share 8 as 5, 3, 0.
    """
    top = max(scores, default=0.0)
    # Exact, as a share that is a whole number must not be rounded up to the next one for an error in its last digit.
    weights = [Fraction(math.exp((score - top) / temperature)) for score in scores]
    whole = sum(weights)
    widths = [0] * len(scores)
    for index in _falling(scores):
        if width <= 0:
            break
        widths[index] = math.ceil(width * weights[index] / whole)
        width -= widths[index]
        whole -= weights[index]
    return widths


def unit_scores(tree: Tree, steps: Sequence[str], score_range: ScoreRange) -> list[float]:
    """Return the scores of `steps` in [0, 1]; a missing one counts as the mean of the others, 0.5 where all are."""
    scale = to_unit(score_range)
    scores = [None if (score := tree.score(step)) is None else scale(score) for step in steps]
    known = [score for score in scores if score is not None]
    otherwise = math.fsum(known) / len(known) if known else 0.5
    return [otherwise if score is None else score for score in scores]


def _falling(scores: Sequence[float]) -> list[int]:
    """Return the indices of `scores` by falling score, ties to the lowest index."""
    return sorted(range(len(scores)), key=lambda index: (-scores[index], index))


def _ended(count: int, key: str, step: Step, view: None) -> int:
    return count + (step["finish"] != "stop_string" and "auxiliary" not in step)


_ENDED: Fold[int, None] = Fold(lambda: 0, _ended)
