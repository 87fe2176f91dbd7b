"""Selection by comparison: pivot tournament, knockout, and one look at all. Pure functions of the judgments so far.

Each rule is a pair: `ComparisonRounds` say what to compare next, a `ChoiceRule` reads the winner off the judgments. The order in
which solutions are shown is drawn from the search's seed, because judges favour places.
"""

import math
import random
from collections.abc import Sequence
from typing import NamedTuple

from its_graph.nodes.compare import ComparisonRounds, contestants
from its_graph.nodes.rules.choice import Choice, ChoiceRule, majority
from its_graph.search.state import Judgment
from its_graph.search.tree import Tree

__all__ = ["ComparisonMethod", "comparisons", "knockout", "pivot_tournament", "preferences", "select_one"]


class ComparisonMethod(NamedTuple):
    """A way to find the best of several by comparing."""

    rounds: ComparisonRounds
    choose: ChoiceRule


# --- pivot tournament --------------------------------------------------------------------------------------------


def pivot_tournament(pivots: int = 2) -> ComparisonMethod:
    """Compare along a ring, then everyone with the best few (LLM-as-a-verifier, 2607.05391).

    1. Ring: N adjacent pairs of a random cycle, each solution once in each place. 2. Pivots: the best `pivots` by mean
    preference. 3. Every other solution, shown first, against every pivot, and the pivots against each other. The
    highest mean preference wins. Comparisons: N + k(N-k) + k(k-1)/2.
    """

    def rounds(tree: Tree) -> list[tuple[str, ...]]:
        names = contestants(tree)
        if not tree.judgments:
            return _ring(names, tree)
        return _pivot_round(names, tree, pivots) if len(tree.judgments) == len(names) else []

    return ComparisonMethod(rounds, _by_preference)


def comparisons(n: int, pivots: int) -> int:
    """Return how many comparisons a pivot tournament of `n` different solutions takes."""
    pivots = min(pivots, n)
    return n + pivots * (n - pivots) + pivots * (pivots - 1) // 2


def preferences(names: Sequence[str], judgments: Sequence[Judgment]) -> dict[str, float]:
    """Return each solution's mean preference: sigmoid(own score - other's score) on average; 0.5 without any."""
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
    return [(order[place], order[(place + 1) % len(order)]) for place in range(len(order))]


def _pivot_round(names: Sequence[str], tree: Tree, pivots: int) -> list[tuple[str, ...]]:
    liked = preferences(names, list(tree.judgments.values()))
    best = sorted(names, key=lambda name: (-liked[name], int(name)))[:pivots]
    others = [name for name in names if name not in best]
    among: list[tuple[str, ...]] = [(first, second) for place, first in enumerate(best) for second in best[place + 1 :]]
    return [(other, pivot) for other in others for pivot in best] + among


def _by_preference(tree: Tree) -> Choice:
    names = contestants(tree)
    liked = preferences(names, list(tree.judgments.values()))
    return _choice(tree, max(names, key=lambda name: (liked[name], -int(name)), default=None))


# --- knockout ----------------------------------------------------------------------------------------------------


def knockout() -> ComparisonMethod:
    """Compare in pairs; the better of each goes on, the odd one out goes on unseen. Comparisons: N - 1.

    A comparison without an opinion is won by the older solution.
    """

    def rounds(tree: Tree) -> list[tuple[str, ...]]:
        names, left = _standing(tree)
        return [] if left else list(zip(names[::2], names[1::2], strict=False))

    def choose(tree: Tree) -> Choice:
        names, _ = _standing(tree)
        return _choice(tree, names[0] if names else None)

    return ComparisonMethod(rounds, choose)


def _standing(tree: Tree) -> tuple[list[str], int]:
    """Return who is still standing after the whole rounds so far, and how many judgments of a broken one are left."""
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
    """Show all solutions at once and take the one that the judge names (GenSelect); the vote where it names none.

    Args:
        attempts: looks at most, each in another order: a reply that names no solution is asked for again.
    """

    def rounds(tree: Tree) -> list[tuple[str, ...]]:
        looks = len(tree.judgments)
        if looks >= attempts or _named(tree) is not None:
            return []
        names = contestants(tree)
        return [tuple(random.Random(tree.seed(f"look {looks}")).sample(names, k=len(names)))]

    return ComparisonMethod(rounds, lambda tree: _choice(tree, _named(tree)))


def _named(tree: Tree) -> str | None:
    """Return the best-scored solution of the last look that had an opinion."""
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
    """Return the winner with the vote beside it; the vote decides where the judge had no opinion at all."""
    vote = majority(tree)
    spoken = any(score is not None for one in tree.judgments.values() for score in one["scores"])
    if winner is None or not spoken:
        alone = len(contestants(tree)) < 2
        return vote if alone else vote._replace(notes=(*vote.notes, "The judge had no opinion: the vote decided."))
    place = next(index for index, one in enumerate(tree.finalists) if one.id == winner)
    return Choice(place, votes=vote.votes)
