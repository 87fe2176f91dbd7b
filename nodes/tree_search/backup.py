"""Backup: what the verdicts below a node say of it. Back-propagation of MCTS as a fold of the score log.

Nothing is stored in the tree: visits and values are derived from the scores, each counted once at every node of its
path. So there is no update to forget, and a search that is resumed or forked has the right counts.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

from its_graph.nodes.rules.choice import argmax
from its_graph.nodes.rules.types import ArmRule, BanditArm, Choice, PriorityRule, VirtualLosses
from its_graph.nodes.tree_search.bandit import priors
from its_graph.nodes.tree_search.descent import SearchStats, upward
from its_graph.search.folds import Fold
from its_graph.search.state import Score
from its_graph.search.tree import Tree

__all__ = ["Backup", "TreeWithStats", "backup", "bandit_priority", "most_visited"]

Sums: TypeAlias = dict[str | None, float]

_INDIFFERENT = 0.5
"""The value of a tree without a single score: any constant would do."""


class TreeWithStats(NamedTuple):
    """A tree, and what descent sees of it."""

    tree: Tree
    growth: SearchStats


@dataclass
class Backup:
    """Counts and sums of the evaluations at or below each node. The root is None."""

    visits: Sums = field(default_factory=dict)
    """N: evaluations, those without a score included."""
    weight: Sums = field(default_factory=dict)
    """The part of them that has a score: a missing one is never taken for a bad one."""
    total: Sums = field(default_factory=dict)
    """W: the sum of the scores."""

    def mean(self, tree: Tree, node: str | None) -> float:
        """Return Q = W / N, in [0, 1]; a node without any score has the mean of the node above it."""
        for above in upward(tree, node):
            if above in self.weight:
                return self.total[above] / self.weight[above]
        return _INDIFFERENT


def backup(scale: Callable[[float], float], rollout_weight: float = 0.0) -> Fold[Backup, TreeWithStats]:
    """Return the fold of the scores into a `Backup`.

    Args:
        scale: maps a verifier's scores into [0, 1].
        rollout_weight: weight of the score of a step's simulation; the score of the step itself has the rest.
    """

    def weight(step: str, grown: TreeWithStats) -> float:
        if step in grown.growth.simulations:
            return rollout_weight
        return 1 - rollout_weight if grown.tree.open(step) else 1.0

    def take(sums: Backup, key: str, score: Score, grown: TreeWithStats) -> Backup:
        step = score["step"]
        share, value = weight(step, grown), grown.tree.score(step)
        if not share or "auxiliary" in grown.tree.steps[step] or step in grown.growth.twins:
            return sums
        for node in upward(grown.tree, step):
            _add(sums.visits, node, share)
            if value is not None:
                _add(sums.weight, node, share)
                _add(sums.total, node, share * scale(value))
        return sums

    return Fold(Backup, take)


def bandit_priority(
    rule: ArmRule, exploration: float, backed_up: Fold[Backup, TreeWithStats], grown: Fold[SearchStats, Tree]
) -> PriorityRule:
    """Rank children by a bandit rule over what was backed up to them.

    A child that was not judged counts as one visit with its parent's mean.
    """

    def priority(tree: Tree, node: str | None, children: list[str], losses: VirtualLosses) -> list[float]:
        sums = backed_up(tree.scores, TreeWithStats(tree, grown(tree.steps, tree)))
        parent_visits = max(sums.visits.get(node, 0.0), 1.0) + losses[node]
        likely = priors([tree.steps[child]["confidence"] for child in children])

        def arm(child: str, prior: float) -> BanditArm:
            lost, known = losses[child], sums.weight.get(child, 1.0)
            value = sums.mean(tree, child) * known / (known + lost)
            return BanditArm(value, sums.visits.get(child, 1.0) + lost, parent_visits, prior)

        return [rule(arm(child, prior), exploration) for child, prior in zip(children, likely, strict=True)]

    return priority


def most_visited(tree: Tree) -> Choice:
    """Follow the most visited child down to a complete solution (the robust child of Chaslot et al. 2008).

    Only children that lead to a complete solution count, and a visit is a verdict. Equal visits are decided by score.
    """
    judged = (score["step"] for score in tree.scores.values())
    visits = Counter(node for step in judged if "auxiliary" not in tree.steps[step] for node in tree.path(step))
    leading = {node for solution in tree.complete for node in tree.path(solution)}
    node: str | None = None
    tie = False

    def key(child: str) -> tuple[float, float]:
        return -visits[child], tree.sort_key(child)[0]

    while children := sorted((child for child in tree.children.get(node, ()) if child in leading), key=key):
        node = children[0]
        tie = tie or (len(children) > 1 and key(children[0]) == key(children[1]))
    if node is None:
        return argmax(tree)
    winner = next(index for index, one in enumerate(tree.finalists) if one.id == node)
    return Choice(winner, tie=tie)


def _add(sums: Sums, node: str | None, share: float) -> None:
    sums[node] = sums.get(node, 0.0) + share
