"""Path rules: which of the fresh open paths a step search goes on with. Pure functions of the tree."""

from collections import Counter
from collections.abc import Sequence

from its_graph.nodes.select import PathRule
from its_graph.tree import Tree

__all__ = ["best_of_each_tree", "deal", "keep_none", "top_k"]


def keep_none(tree: Tree) -> list[str]:
    """Go on with no path: the rule of strategies that sample whole solutions."""
    return []


def deal(paths: Sequence[str], n: int) -> list[str]:
    """Deal `n` continuations out to `paths`, the first ones getting what is left over."""
    return [path for index, path in enumerate(paths) for _ in range(n // len(paths) + (index < n % len(paths)))]


def top_k(width: int, n: int) -> PathRule:
    """Keep the `width` best open paths and deal `n` continuations out to them (Snell et al. 2408.03314, section 5.2: beam search keeps N/M of N).

    Paths with the same text are kept once. Finished paths take no place: they are candidates already.
    """

    def rule(tree: Tree) -> list[str]:
        return deal(tree.distinct(sorted(filter(tree.open, tree.fresh), key=tree.rank))[:width], n)

    return rule


def best_of_each_tree(n: int, width: int) -> PathRule:
    """Keep the best path inside each of `width` independent trees for n/width continuations; nothing moves between.

    The n first steps are dealt out in order, n/width to a tree (DVTS: Beeching, Tunstall and Rush 2024). A tree whose
    best path is finished is done and leaves the search.
    """

    def tree_of(tree: Tree, step: str) -> int:
        return int(tree.root(step)) // (n // width)

    def rule(tree: Tree) -> list[str]:
        best: dict[int, str] = {}
        for step in sorted((one for one in tree.fresh if not tree.truncated(one)), key=tree.rank):
            best.setdefault(tree_of(tree, step), step)
        done = Counter(tree_of(tree, step) for step in tree.complete)
        open_trees = [index for index in sorted(best) if tree.open(best[index]) and done[index] < n // width]
        return [best[index] for index in open_trees for _ in range(n // width)]

    return rule
