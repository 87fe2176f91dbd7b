"""Selection by comparison: pivot tournament, knockout, and one look at all. Pure functions of the judgments so far.

A method is a pair of rules: `ComparisonRounds` decide what to compare next, a `ChoiceRule` reads the winner off the
judgments. The display order of solutions is drawn from the search's seed, because judges have a position bias.
"""

import math
import random
from collections.abc import Sequence
from typing import NamedTuple

from its_graph.nodes.rules.choice import majority
from its_graph.nodes.rules.types import Choice, ChoiceRule, ComparisonRounds
from its_graph.search.state import Judgment
from its_graph.search.tree import Tree

__all__ = [
    "ComparisonMethod",
    "comparisons",
    "contestants",
    "knockout",
    "pivot_tournament",
    "preferences",
    "select_one",
]


class ComparisonMethod(NamedTuple):
    """How to find the best of several solutions by comparing them."""

    rounds: ComparisonRounds
    choose: ChoiceRule


def contestants(tree: Tree) -> list[str]:
    """Return the complete solutions with distinct texts, each under its oldest id: a duplicate cannot win anything."""
    return tree.distinct(tree.complete)


# --- pivot tournament --------------------------------------------------------------------------------------------


def pivot_tournament(pivots: int = 2) -> ComparisonMethod:
    """Compare along a ring, then all solutions with the best few (LLM-as-a-verifier, 2607.05391).

    1. Ring: the N adjacent pairs of a random cycle; each solution is shown once in each position. 2. Pivots: the best
    `pivots` by mean preference. 3. Every other solution, shown first, against every pivot, and the pivots against each
    other. The highest mean preference wins. Comparisons: N + k(N-k) + k(k-1)/2.
    """

    def rounds(tree: Tree) -> list[tuple[str, ...]]:
        names = contestants(tree)
        if not tree.judgments:
            return _ring(names, tree)
        return _pivot_round(names, tree, pivots) if len(tree.judgments) == len(names) else []

    return ComparisonMethod(rounds, _by_preference)


def comparisons(n: int, pivots: int) -> int:
    """Return the number of comparisons in a pivot tournament of `n` distinct solutions."""
    pivots = min(pivots, n)
    return n + pivots * (n - pivots) + pivots * (pivots - 1) // 2


def preferences(names: Sequence[str], judgments: Sequence[Judgment]) -> dict[str, float]:
    """Return each solution's mean preference: the mean of sigmoid(own score - other score); 0.5 without comparisons."""
    wins, counts = dict.fromkeys(names, 0.0), dict.fromkeys(names, 0)
    for judgment in judgments:
        (first, second), (a, b) = judgment["candidates"], judgment["scores"]
        if a is None or b is None:
            continue
        preferred = 1 / (1 + math.exp(min(b - a, 700.0)))
        for name, share in ((first, preferred), (second, 1 - preferred)):
            wins[name] += share
            counts[name] += 1
    return {name: wins[name] / counts[name] if counts[name] else 0.5 for name in names}


def _ring(names: Sequence[str], tree: Tree) -> list[tuple[str, ...]]:
    order = random.Random(tree.seed("ring")).sample(names, k=len(names))
    return [(order[index], order[(index + 1) % len(order)]) for index in range(len(order))]


def _pivot_round(names: Sequence[str], tree: Tree, pivots: int) -> list[tuple[str, ...]]:
    preferred = preferences(names, list(tree.judgments.values()))
    best = sorted(names, key=lambda name: (-preferred[name], int(name)))[:pivots]
    others = [name for name in names if name not in best]
    between_pivots: list[tuple[str, ...]] = [
        (first, second) for index, first in enumerate(best) for second in best[index + 1 :]
    ]
    return [(other, pivot) for other in others for pivot in best] + between_pivots


def _by_preference(tree: Tree) -> Choice:
    names = contestants(tree)
    preferred = preferences(names, list(tree.judgments.values()))
    return _choice(tree, max(names, key=lambda name: (preferred[name], -int(name)), default=None))


# --- knockout ----------------------------------------------------------------------------------------------------


def knockout() -> ComparisonMethod:
    """Compare in pairs; the winner of each pair advances, an odd one out gets a bye. Comparisons: N - 1.

    If the judge has no opinion, the older solution wins.
    """

    def rounds(tree: Tree) -> list[tuple[str, ...]]:
        names, unused = _remaining(tree)
        return [] if unused else list(zip(names[::2], names[1::2], strict=False))

    def choose(tree: Tree) -> Choice:
        names, _ = _remaining(tree)
        return _choice(tree, names[0] if names else None)

    return ComparisonMethod(rounds, choose)


def _remaining(tree: Tree) -> tuple[list[str], int]:
    """Return the solutions left after all complete rounds, and how many judgments of an incomplete round there are."""
    names = contestants(tree)
    names = random.Random(tree.seed("knockout")).sample(names, k=len(names))
    judgments = list(tree.judgments.values())
    while len(names) > 1 and len(judgments) >= len(names) // 2:
        played, judgments = judgments[: len(names) // 2], judgments[len(names) // 2 :]
        names = [*map(_winner, played), *names[len(played) * 2 :]]
    return names, len(judgments)


def _winner(judgment: Judgment) -> str:
    (first, second), (a, b) = judgment["candidates"], judgment["scores"]
    if a is None or b is None or a == b:
        return min(first, second, key=int)
    return first if a > b else second


# --- one look at all -----------------------------------------------------------------------------------------------


def select_one(attempts: int = 2) -> ComparisonMethod:
    """Show all solutions at once and choose the one that the judge names (GenSelect); the vote if it names none.

    Args:
        attempts: maximum number of looks, each in another order: if a reply names no solution, the judge is asked
            again.
    """

    def rounds(tree: Tree) -> list[tuple[str, ...]]:
        looks = len(tree.judgments)
        if looks >= attempts or _named(tree) is not None:
            return []
        names = contestants(tree)
        return [tuple(random.Random(tree.seed(f"look {looks}")).sample(names, k=len(names)))]

    return ComparisonMethod(rounds, lambda tree: _choice(tree, _named(tree)))


def _named(tree: Tree) -> str | None:
    """Return the best-scored solution of the latest look that yielded an opinion."""
    for judgment in reversed(tree.judgments.values()):
        scored = [
            (score, -int(name), name)
            for name, score in zip(judgment["candidates"], judgment["scores"], strict=True)
            if score is not None
        ]
        if scored:
            return max(scored)[2]
    return None


def _choice(tree: Tree, winner: str | None) -> Choice:
    """Return the winner together with the vote; the vote decides if the judge never had an opinion."""
    vote = majority(tree)
    has_opinion = any(score is not None for judgment in tree.judgments.values() for score in judgment["scores"])
    if winner is None or not has_opinion:
        alone = len(contestants(tree)) < 2
        return vote if alone else vote._replace(notes=(*vote.notes, "The judge had no opinion: the vote decided."))
    index = next(index for index, finalist in enumerate(tree.finalists) if finalist.id == winner)
    return Choice(index, votes=vote.votes)
