"""Path rules: which of the new open paths a step search expands. Pure functions of the tree."""

import math
from collections import Counter
from collections.abc import Iterable, Sequence

from its_graph.nodes.rules.types import PathRule, StepScore
from its_graph.search.tree import Tree

__all__ = ["best_first", "best_of_each_tree", "deal", "keep_none", "top_k"]


def keep_none(tree: Tree) -> list[str]:
    """Expand no path: the path rule of strategies that sample whole solutions."""
    return []


def deal(paths: Sequence[str], n: int) -> list[str]:
    """Distribute `n` continuations evenly over `paths`; the first paths receive the remainder."""
    return [path for index, path in enumerate(paths) for _ in range(n // len(paths) + (index < n % len(paths)))]


def best_first(tree: Tree, steps: Iterable[str], score: StepScore = Tree.score) -> list[str]:
    """Return `steps` by descending score; steps without a score come last, ties go to the lowest index."""

    def sort_key(step: str) -> tuple[float, int]:
        value = score(tree, step)
        return (math.inf if value is None else -value), int(step)

    return sorted(steps, key=sort_key)


def top_k(width: int, n: int, score: StepScore = Tree.score) -> PathRule:
    """Keep the `width` best open paths and distribute `n` continuations over them: Snell et al. (2408.03314, 5.2).

    Paths with the same text are kept once. Finished paths take no place: they are candidates already.
    """

    def rule(tree: Tree) -> list[str]:
        return deal(tree.distinct(best_first(tree, filter(tree.open, tree.new_steps), score))[:width], n)

    return rule


def best_of_each_tree(n: int, width: int, score: StepScore = Tree.score) -> PathRule:
    """Keep the best path of each of `width` independent trees for n/width continuations; trees exchange nothing.

    The n first steps are assigned in order, n/width to a tree (DVTS: Beeching, Tunstall and Rush 2024). A tree whose
    best path is finished leaves the search.
    """

    def tree_of(tree: Tree, step: str) -> int:
        return (int(tree.root(step)) - tree.first_record) // (n // width)

    def rule(tree: Tree) -> list[str]:
        best: dict[int, str] = {}
        for step in best_first(tree, (step for step in tree.new_steps if not tree.truncated(step)), score):
            best.setdefault(tree_of(tree, step), step)
        done = Counter(tree_of(tree, step) for step in tree.complete)
        open_trees = [index for index in sorted(best) if tree.open(best[index]) and done[index] < n // width]
        return [best[index] for index in open_trees for _ in range(n // width)]

    return rule
