"""Values and visits of ReST-MCTS* (Zhang et al. 2406.03816), derived from the score log.

One iteration expands a leaf, rolls out the best of the new children, and backs up. What its published code keeps in
node objects follows from the scores: a node was visited once for its own rollout and once for each expansion at or
below it; its value is its own score, mixed with the best score on its rollout, until it is expanded, and from then on
the mean of its children's values, weighted by their visits.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from its_graph.nodes.rules.types import BanditArm, PriorityRule, StopRule, VirtualLosses
from its_graph.nodes.tree_search.backup import TreeWithStats
from its_graph.nodes.tree_search.bandit import rest_ucb
from its_graph.nodes.tree_search.descent import SearchStats, upward
from its_graph.search.folds import Fold
from its_graph.search.state import Score
from its_graph.search.tree import Tree

__all__ = ["RestValues", "rest_priority", "end_gate_reached", "rest_values"]


@dataclass
class RestValues:
    """Visits and values of all nodes. The root is None."""

    visits: Counter[str | None] = field(default_factory=Counter)
    values: dict[str | None, float] = field(default_factory=dict)
    """V, in [0, 1]; absent where nothing is known."""
    own: dict[str, float] = field(default_factory=dict)
    """The verifier's score of the step itself."""
    rolled: dict[str, float] = field(default_factory=dict)
    """The best score on the rollout of a step."""
    favourites: dict[str | None, str] = field(default_factory=dict)
    """The child of an expanded node that was rolled out: the best-scored, ties to the eldest."""

    def value(self, tree: Tree, node: str | None) -> float:
        """Return V; a node of which nothing is known has the value of the node above it."""
        return next((self.values[above] for above in upward(tree, node) if above in self.values), 0.5)


def rest_values(scale: Callable[[float], float], alpha: float) -> Fold[RestValues, TreeWithStats]:
    """Return the fold of the scores into `RestValues`.

    Args:
        scale: maps a verifier's scores into [0, 1].
        alpha: share of the rollout's best score in the value of the step that was rolled out.
    """

    def take(known: RestValues, key: str, score: Score, grown: TreeWithStats) -> RestValues:
        tree, step = grown.tree, score["step"]
        found = tree.score(step)
        value = None if found is None else scale(found)
        if step in grown.growth.twins:
            return known
        if "auxiliary" in tree.steps[step]:
            step = next(one for one in tree.path(step)[::-1] if "auxiliary" not in tree.steps[one])
            if value is not None:
                known.rolled[step] = max(value, known.rolled.get(step, value))
        else:
            if value is not None:
                known.own[step] = value
            _visit(known, tree, step)
        _settle(known, grown, step, alpha)
        return known

    return Fold(RestValues, take)


def rest_priority(exploration: float, valued: Fold[RestValues, TreeWithStats], grown: Fold[SearchStats, Tree]) -> PriorityRule:
    """Rank children by V + c sqrt(2 ln N_parent / N), unvisited ones by V + 1."""

    def priority(tree: Tree, node: str | None, children: list[str], losses: VirtualLosses) -> list[float]:
        known = valued(tree.scores, TreeWithStats(tree, grown(tree.steps, tree)))
        arms = (BanditArm(known.value(tree, child), known.visits[child], known.visits[node]) for child in children)
        return [rest_ucb(arm, exploration) for arm in arms]

    return priority


def end_gate_reached(scale: Callable[[float], float], gate: float) -> StopRule:
    """Stop when a complete solution has a score of `gate` or more, after `scale`."""

    def rule(tree: Tree) -> str | None:
        ended = (tree.score(step) for step in tree.new_steps if tree.finished(step))
        return "completed" if any(score is not None and scale(score) >= gate for score in ended) else None

    return rule


def _visit(known: RestValues, tree: Tree, step: str) -> None:
    """Count the expansion that `step` came from, with its first child, and move the favourite's visit to the best."""
    parent = tree.steps[step]["parent"]
    before = known.favourites.get(parent)
    if before is None:
        known.visits.update(upward(tree, parent))
    elif known.own.get(step, -1.0) <= known.own.get(before, -1.0):
        return
    else:
        known.visits[before] -= 1
    known.visits[step] += 1
    known.favourites[parent] = step


def _settle(known: RestValues, grown: TreeWithStats, step: str, alpha: float) -> None:
    """Give `step`, not expanded yet, its value, and back it up to the root."""
    if step in known.own:
        own = known.own[step]
        known.values[step] = (1 - alpha) * own + alpha * known.rolled.get(step, own)
    for node in upward(grown.tree, grown.tree.steps[step]["parent"]):
        children = grown.growth.children[node]
        visited = [child for child in children if known.visits[child] and child in known.values]
        if visited:
            visits = sum(known.visits[child] for child in visited)
            known.values[node] = sum(known.visits[child] * known.values[child] for child in visited) / visits
