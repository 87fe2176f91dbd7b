"""Descent: which leaves of a search tree to expand next. The selection step of MCTS as a pure rule.

A leaf is an open path that was never expanded. A path is exhausted if it is finished, truncated or at the depth limit,
if it duplicates an older sibling, if its expansion failed altogether, or if a person pruned it; so is a node without a
leaf below it. Descent never enters an exhausted node, so no iteration is spent on a solution already found.
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
    "descend",
    "exhausted",
    "open_leaves",
    "search_stats",
    "stop_on_failures",
    "upward",
]


@dataclass
class SearchStats:
    """The part of a search tree that descent reads. The root is None."""

    children: defaultdict[str | None, list[str]] = field(default_factory=lambda: defaultdict(list))
    """Expansions of a node, oldest first, without duplicates."""
    leaves: set[str] = field(default_factory=set)
    leaves_below: Counter[str | None] = field(default_factory=Counter)
    """Number of leaves at or below a node."""
    expansions: int = 0
    """Number of expanded nodes, the root included."""
    simulations: set[str] = field(default_factory=set)
    """Solutions sampled in one call to estimate the value of the step before them."""
    duplicates: set[str] = field(default_factory=set)
    """Steps with the text of an older sibling."""
    texts: set[tuple[str | None, str, str]] = field(default_factory=set)
    """(parent, text, finish reason) of all children."""
    simulated: set[str] = field(default_factory=set)
    """Steps that have a simulation, or need none."""


def search_stats(max_steps: int, *, simulating: bool = False) -> Fold[SearchStats, Tree]:
    """Return the fold of the steps into a `SearchStats`.

    Args:
        max_steps: the longest path; a path of this length is not a leaf.
        simulating: whether the first solution drawn below an open step is its simulation rather than an expansion.
    """

    def take(stats: SearchStats, step: str, record: Step, tree: Tree) -> SearchStats:
        parent = record["parent"]
        if "auxiliary" in record:
            return stats
        if simulating and parent is not None and _is_simulation(stats, tree, parent, step):
            stats.simulated.add(parent)
            stats.simulations.add(step)
            return stats
        if not stats.children[parent]:
            stats.expansions += 1
            if parent is not None:
                _count_leaf(stats, tree, parent, -1)
                stats.leaves.discard(parent)
        identity = (parent, record["text"], record["finish"])
        by_person = "by" in record
        if identity in stats.texts and not by_person:  # a step that a person wrote is never a duplicate
            stats.duplicates.add(step)
            return stats
        stats.texts.add(identity)
        stats.children[parent].append(step)
        if tree.open(step) and tree.depth(step) < max_steps:
            stats.leaves.add(step)
            _count_leaf(stats, tree, step, +1)
        if by_person:  # no simulation was drawn for it: whatever comes below is its expansion
            stats.simulated.add(step)
        return stats

    return Fold(SearchStats, take)


def descend(
    stats_of: Fold[SearchStats, Tree],
    priority: PriorityRule,
    *,
    leaves: int,
    branch: int,
    iterations: int,
    spare: int = 0,
) -> PathRule:
    """Descend from the root to the most promising leaf, `leaves` times, and expand each of them `branch` times.

    A leaf chosen earlier in the same round counts as a visit of value 0 (virtual loss, Chaslot et al. 2008), so that
    the next descent prefers other leaves.

    Args:
        stats_of: fold of the tree that descent reads.
        priority: priority of each child; ties go to the oldest.
        leaves: leaves per round.
        branch: continuations per leaf.
        iterations: expansions of the whole search, the root's and failed ones included.
        spare: samples below a leaf that may fail without counting as its expansion: simulations and rollouts.
    """

    def rule(tree: Tree) -> list[str]:
        stats = stats_of(tree.steps, tree)
        excluded: Counter[str | None] = Counter()
        failed = _failed_leaves(stats, tree, spare)
        for leaf in {*failed, *filter(tree.pruned, stats.leaves)}:
            excluded.update(upward(tree, leaf))
        losses: VirtualLosses = Counter()
        chosen: list[str] = []
        limit = min(leaves, iterations - stats.expansions - len(failed))
        while len(chosen) < limit and stats.leaves_below[None] > excluded[None]:
            leaf = _descend_to_leaf(stats, excluded, tree, priority, losses)
            path = list(upward(tree, leaf))
            excluded.update(path)
            losses.update(path)
            chosen.append(leaf)
        return [leaf for leaf in chosen for _ in range(branch)]

    return rule


def _descend_to_leaf(
    stats: SearchStats, excluded: Counter[str | None], tree: Tree, priority: PriorityRule, losses: VirtualLosses
) -> str:
    node: str | None = None
    while node is None or node not in stats.leaves:
        children = stats.children[node]
        ranked = zip(children, priority(tree, node, children, losses), strict=True)
        node = max(
            (value, -int(child), child) for child, value in ranked if stats.leaves_below[child] > excluded[child]
        )[-1]
    return node


def exhausted(stats_of: Fold[SearchStats, Tree]) -> StopRule:
    """Stop when descent found no leaf: all are exhausted, or the iterations are used up."""

    def rule(tree: Tree) -> str | None:
        if tree.frontier:
            return None
        if tree.completed:
            return "completed"
        if leaves := stats_of(tree.steps, tree).leaves:
            return "no_open_path" if all(map(tree.pruned, leaves)) else "iterations"
        return "max_steps" if any(map(tree.open, tree.steps)) else "no_open_path"

    return rule


def stop_on_failures(draws: int) -> StopRule:
    """Stop when the last `draws` samples all failed: otherwise the search would try every leaf without success."""

    def rule(tree: Tree) -> str | None:
        last = range(tree.next_id - draws, tree.next_id)
        return "failures" if last.start >= 0 and all(str(key) in tree.failures for key in last) else None

    return rule


def open_leaves(stats_of: Fold[SearchStats, Tree], *, leaves: int) -> PathRule:
    """Return the best open paths without children if no solution is complete, so that one of them can be completed."""

    def rule(tree: Tree) -> list[str]:
        if tree.completed:
            return []
        stats = stats_of(tree.steps, tree)
        steps = (step for siblings in stats.children.values() for step in siblings)
        ends = [step for step in steps if tree.open(step) and not stats.children.get(step) and not tree.pruned(step)]
        return sorted(ends, key=tree.sort_key)[:leaves]

    return rule


def upward(tree: Tree, step: str | None) -> Iterator[str | None]:
    """Yield `step`, the steps before it, and the root."""
    while step is not None:
        yield step
        step = tree.steps[step]["parent"]
    yield None


def _count_leaf(stats: SearchStats, tree: Tree, leaf: str, change: int) -> None:
    for node in upward(tree, leaf):
        stats.leaves_below[node] += change


def _is_simulation(stats: SearchStats, tree: Tree, parent: str, step: str) -> bool:
    """Return whether `step` is the first sample below its parent: a step is simulated before it can be expanded."""
    if parent in stats.simulated or stats.children[parent]:
        return False
    failed = _FAILED(tree.failures, None).get(parent, [])
    return not failed or int(failed[0]) > int(step)


def _failed_leaves(stats: SearchStats, tree: Tree, spare: int) -> list[str]:
    """Return the leaves whose expansion failed altogether."""
    failed = _FAILED(tree.failures, None)
    return [leaf for leaf, keys in failed.items() if leaf in stats.leaves and len(keys) > spare]


def _note_failure(
    below: dict[str | None, list[str]], key: str, failure: Failure, view: None
) -> dict[str | None, list[str]]:
    below.setdefault(failure["parent"], []).append(key)
    return below


_FAILED: Fold[dict[str | None, list[str]], None] = Fold(dict, _note_failure)
"""Ids of the failed samples below each node, oldest first."""
