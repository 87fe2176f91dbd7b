"""Descent: which leaves of a search tree are expanded next. Selection of MCTS as a pure rule.

A leaf is an open path that was never expanded. Finished and cut-off paths, paths at the depth limit, the younger of two
siblings with the same text, leaves whose expansion failed altogether, and what a person pruned are exhausted; so is a
node without a leaf below it. Descent never enters what is exhausted, so no iteration is spent on a solution that is
known already.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

from its_graph.nodes.rules.types import PathRule, PriorityRule, StopRule, VirtualLosses
from its_graph.search.folds import Fold
from its_graph.search.state import Failure, Step
from its_graph.search.tree import Tree

__all__ = [
    "SearchStats",
    "open_leaves",
    "descend",
    "exhausted",
    "search_stats",
    "stop_on_failures",
    "upward",
]




@dataclass
class SearchStats:
    """The part of a search tree that descent looks at. The root is None."""

    children: defaultdict[str | None, list[str]] = field(default_factory=lambda: defaultdict(list))
    """Expansions of a node, oldest first, equal ones once."""
    leaves: set[str] = field(default_factory=set)
    leaves_below: Counter[str | None] = field(default_factory=Counter)
    """Leaves at or below a node."""
    expansions: int = 0
    """Nodes that were expanded, the root included."""
    simulations: set[str] = field(default_factory=set)
    """Solutions that were drawn in one go to value the step before them."""
    twins: set[str] = field(default_factory=set)
    """Steps that say what an elder sibling says."""
    texts: set[tuple[str | None, str, str]] = field(default_factory=set)
    simulated: set[str] = field(default_factory=set)


def search_stats(max_steps: int, *, simulating: bool = False) -> Fold[SearchStats, Tree]:
    """Return the fold of the steps into a `SearchStats`.

    Args:
        max_steps: the longest path; one that has it is no leaf.
        simulating: whether the first solution drawn below an open step is its simulation, and no expansion of it.
    """

    def take(grown: SearchStats, step: str, record: Step, tree: Tree) -> SearchStats:
        parent = record["parent"]
        if "auxiliary" in record:
            return grown
        if simulating and parent is not None and _is_simulation(grown, tree, parent, step):
            grown.simulated.add(parent)
            grown.simulations.add(step)
            return grown
        if not grown.children[parent]:
            grown.expansions += 1
            if parent is not None:
                _count(grown, tree, parent, -1)
                grown.leaves.discard(parent)
        said = (parent, record["text"], record["finish"])
        written = "by" in record
        if said in grown.texts and not written:  # what a person wrote stands for itself
            grown.twins.add(step)
            return grown
        grown.texts.add(said)
        grown.children[parent].append(step)
        if tree.open(step) and tree.depth(step) < max_steps:
            grown.leaves.add(step)
            _count(grown, tree, step, +1)
        if written:  # nothing was drawn to value it: what comes below is its expansion
            grown.simulated.add(step)
        return grown

    return Fold(SearchStats, take)


def descend(
    grown: Fold[SearchStats, Tree], priority: PriorityRule, *, leaves: int, branch: int, iterations: int, spare: int = 0
) -> PathRule:
    """Go down from the root to the most promising leaf, `leaves` times, and expand each of them `branch` times.

    A leaf chosen earlier in the same round counts as a visit that brought nothing (virtual loss, Chaslot et al. 2008),
    so that the next descent turns elsewhere.

    Args:
        grown: the tree as descent sees it.
        priority: which child to go to; ties go to the eldest.
        leaves: leaves of one round.
        branch: continuations that each of them gets.
        iterations: expansions of the whole search, the root's and the failed ones included.
        spare: samples that may fail below a leaf without being an expansion of it: simulations and rollouts.
    """

    def rule(tree: Tree) -> list[str]:
        seen = grown(tree.steps, tree)
        gone: Counter[str | None] = Counter()
        failed = _failed_leaves(seen, tree, spare)
        for leaf in {*failed, *filter(tree.pruned, seen.leaves)}:
            gone.update(upward(tree, leaf))
        losses: VirtualLosses = Counter()
        chosen: list[str] = []
        left = min(leaves, iterations - seen.expansions - len(failed))
        while len(chosen) < left and seen.leaves_below[None] > gone[None]:
            leaf = _go_down(seen, gone, tree, priority, losses)
            path = list(upward(tree, leaf))
            gone.update(path)
            losses.update(path)
            chosen.append(leaf)
        return [leaf for leaf in chosen for _ in range(branch)]

    return rule


def _go_down(
    seen: SearchStats, gone: Counter[str | None], tree: Tree, priority: PriorityRule, losses: VirtualLosses
) -> str:
    node: str | None = None
    while node is None or node not in seen.leaves:
        children = seen.children[node]
        ranked = zip(children, priority(tree, node, children, losses), strict=True)
        alive = [(worth, -int(child), child) for child, worth in ranked if seen.leaves_below[child] > gone[child]]
        node = max(alive)[-1]
    return node


def exhausted(grown: Fold[SearchStats, Tree]) -> StopRule:
    """Stop when descent found no leaf: all are exhausted, or the iterations are spent."""

    def rule(tree: Tree) -> str | None:
        if tree.frontier:
            return None
        if tree.completed:
            return "completed"
        if leaves := grown(tree.steps, tree).leaves:
            return "no_open_path" if all(map(tree.pruned, leaves)) else "iterations"
        return "max_steps" if any(map(tree.open, tree.steps)) else "no_open_path"

    return rule


def stop_on_failures(draws: int) -> StopRule:
    """Stop when the last `draws` samples all failed: the search would go through all its leaves in vain."""

    def rule(tree: Tree) -> str | None:
        last = range(tree.next_id - draws, tree.next_id)
        return "failures" if last.start >= 0 and all(str(key) in tree.failures for key in last) else None

    return rule


def open_leaves(grown: Fold[SearchStats, Tree], *, leaves: int) -> PathRule:
    """Name the best open paths that lead no further, where no solution is complete: one of them can be finished."""

    def rule(tree: Tree) -> list[str]:
        if tree.completed:
            return []
        seen = grown(tree.steps, tree)
        steps = (step for siblings in seen.children.values() for step in siblings)
        ends = [step for step in steps if tree.open(step) and not seen.children.get(step) and not tree.pruned(step)]
        return sorted(ends, key=tree.sort_key)[:leaves]

    return rule


def upward(tree: Tree, step: str | None) -> Iterator[str | None]:
    """Yield `step`, the steps before it, and the root."""
    while step is not None:
        yield step
        step = tree.steps[step]["parent"]
    yield None


def _count(grown: SearchStats, tree: Tree, leaf: str, change: int) -> None:
    for node in upward(tree, leaf):
        grown.leaves_below[node] += change


def _is_simulation(grown: SearchStats, tree: Tree, parent: str, step: str) -> bool:
    """Tell whether `step` is the first sample below its parent: a step is simulated before it can be expanded."""
    if parent in grown.simulated or grown.children[parent]:
        return False
    failed = _FAILED(tree.failures, None).get(parent, [])
    return not failed or int(failed[0]) > int(step)


def _failed_leaves(seen: SearchStats, tree: Tree, spare: int) -> list[str]:
    """Return the leaves of which nothing but failures came."""
    failed = _FAILED(tree.failures, None)
    return [leaf for leaf, keys in failed.items() if leaf in seen.leaves and len(keys) > spare]


def _note_failure(
    below: dict[str | None, list[str]], key: str, failure: Failure, view: None
) -> dict[str | None, list[str]]:
    below.setdefault(failure["parent"], []).append(key)
    return below


_FAILED: Fold[dict[str | None, list[str]], None] = Fold(dict, _note_failure)
"""Ids of the failed samples below each node, oldest first."""
