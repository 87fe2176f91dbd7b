"""Backup: what the verdicts below a node say about it. The back-propagation of MCTS as a fold of the score log.

Nothing is stored in the tree: visits and values are derived from the scores, each counted once at every node of its
path. So no update can be forgotten, and a search that is resumed or forked has the right counts.
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

_Sums: TypeAlias = dict[str | None, float]

_NEUTRAL = 0.5
"""The value of a tree without any score: any constant would do."""


class TreeWithStats(NamedTuple):
    """A tree and the statistics that descent reads."""

    tree: Tree
    stats: SearchStats


@dataclass
class Backup:
    """Counts and sums of the evaluations at or below each node. The root is None."""

    visits: _Sums = field(default_factory=dict)
    """N: evaluations, those without a score included."""
    weight: _Sums = field(default_factory=dict)
    """The part of them that has a score: a missing score is never treated as a bad one."""
    total: _Sums = field(default_factory=dict)
    """W: the sum of the scores."""

    def mean(self, tree: Tree, node: str | None) -> float:
        """Return Q = W / N, in [0, 1]; a node without any score has the mean of the nearest ancestor with one."""
        for ancestor in upward(tree, node):
            if ancestor in self.weight:
                return self.total[ancestor] / self.weight[ancestor]
        return _NEUTRAL


def backup(scale: Callable[[float], float], rollout_weight: float = 0.0) -> Fold[Backup, TreeWithStats]:
    """Return the fold of the scores into a `Backup`.

    Args:
        scale: maps a verifier's scores to [0, 1].
        rollout_weight: weight of the score of a step's simulation, in [0, 1]; the step's own score has the rest.
    """

    def weight(step: str, view: TreeWithStats) -> float:
        if step in view.stats.simulations:
            return rollout_weight
        return 1 - rollout_weight if view.tree.open(step) else 1.0

    def take(sums: Backup, key: str, score: Score, view: TreeWithStats) -> Backup:
        step = score["step"]
        share, value = weight(step, view), view.tree.score(step)
        if not share or "auxiliary" in view.tree.steps[step] or step in view.stats.duplicates:
            return sums
        for node in upward(view.tree, step):
            _add(sums.visits, node, share)
            if value is not None:
                _add(sums.weight, node, share)
                _add(sums.total, node, share * scale(value))
        return sums

    return Fold(Backup, take)


def bandit_priority(
    rule: ArmRule, exploration: float, backup_of: Fold[Backup, TreeWithStats], stats_of: Fold[SearchStats, Tree]
) -> PriorityRule:
    """Rank children by a bandit rule over the values backed up to them.

    A child that was not verified counts as one visit with its parent's mean.
    """

    def priority(tree: Tree, node: str | None, children: list[str], losses: VirtualLosses) -> list[float]:
        sums = backup_of(tree.scores, TreeWithStats(tree, stats_of(tree.steps, tree)))
        parent_visits = max(sums.visits.get(node, 0.0), 1.0) + losses[node]
        child_priors = priors([tree.steps[child]["confidence"] for child in children])

        def arm(child: str, prior: float) -> BanditArm:
            lost, scored = losses[child], sums.weight.get(child, 1.0)
            value = sums.mean(tree, child) * scored / (scored + lost)
            return BanditArm(value, sums.visits.get(child, 1.0) + lost, parent_visits, prior)

        return [rule(arm(child, prior), exploration) for child, prior in zip(children, child_priors, strict=True)]

    return priority


def most_visited(tree: Tree) -> Choice:
    """Follow the most visited child down to a complete solution (the robust child of Chaslot et al. 2008).

    Only children that lead to a complete solution count, and a visit is a verdict. Equal visits are decided by score.
    """
    scored = (score["step"] for score in tree.scores.values())
    visits = Counter(node for step in scored if "auxiliary" not in tree.steps[step] for node in tree.path(step))
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
    winner = next(index for index, finalist in enumerate(tree.finalists) if finalist.id == node)
    return Choice(winner, tie=tie)


def _add(sums: _Sums, node: str | None, share: float) -> None:
    sums[node] = sums.get(node, 0.0) + share
