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

__all__ = ["RestValues", "end_gate_reached", "rest_priority", "rest_values"]


@dataclass
class RestValues:
    """Visits and values of all nodes. The root is None."""

    visits: Counter[str | None] = field(default_factory=Counter)
    values: dict[str | None, float] = field(default_factory=dict)
    """V, in [0, 1]; absent if unknown."""
    own: dict[str, float] = field(default_factory=dict)
    """The verifier's score of the step itself."""
    rollout_best: dict[str, float] = field(default_factory=dict)
    """The best score on the rollout of a step."""
    best_children: dict[str | None, str] = field(default_factory=dict)
    """The child of an expanded node that was rolled out: the best-scored, ties to the oldest."""

    def value(self, tree: Tree, node: str | None) -> float:
        """Return V; a node without a value has that of the nearest ancestor with one."""
        return next((self.values[ancestor] for ancestor in upward(tree, node) if ancestor in self.values), 0.5)


def rest_values(scale: Callable[[float], float], alpha: float) -> Fold[RestValues, TreeWithStats]:
    """Return the fold of the scores into `RestValues`.

    Args:
        scale: maps a verifier's scores to [0, 1].
        alpha: share of the rollout's best score in the value of the step that was rolled out, in [0, 1].
    """

    def take(values: RestValues, key: str, record: Score, view: TreeWithStats) -> RestValues:
        tree, step = view.tree, record["step"]
        score = tree.score(step)
        value = None if score is None else scale(score)
        if step in view.stats.duplicates:
            return values
        if "auxiliary" in tree.steps[step]:
            step = next(ancestor for ancestor in tree.path(step)[::-1] if "auxiliary" not in tree.steps[ancestor])
            if value is not None:
                values.rollout_best[step] = max(value, values.rollout_best.get(step, value))
        else:
            if value is not None:
                values.own[step] = value
            _visit(values, tree, step)
        _back_up(values, view, step, alpha)
        return values

    return Fold(RestValues, take)


def rest_priority(
    exploration: float, values_of: Fold[RestValues, TreeWithStats], stats_of: Fold[SearchStats, Tree]
) -> PriorityRule:
    """Rank children by V + c sqrt(2 ln N_parent / N), unvisited ones by V + 1."""

    def priority(tree: Tree, node: str | None, children: list[str], losses: VirtualLosses) -> list[float]:
        values = values_of(tree.scores, TreeWithStats(tree, stats_of(tree.steps, tree)))
        arms = (BanditArm(values.value(tree, child), values.visits[child], values.visits[node]) for child in children)
        return [rest_ucb(arm, exploration) for arm in arms]

    return priority


def end_gate_reached(scale: Callable[[float], float], gate: float) -> StopRule:
    """Stop when a complete solution has a score of at least `gate`, after `scale`."""

    def rule(tree: Tree) -> str | None:
        scores = (tree.score(step) for step in tree.new_steps if tree.finished(step))
        return "completed" if any(score is not None and scale(score) >= gate for score in scores) else None

    return rule


def _visit(values: RestValues, tree: Tree, step: str) -> None:
    """Count the expansion that `step` came from, with its first child, and move the rollout's visit to the best one."""
    parent = tree.steps[step]["parent"]
    previous = values.best_children.get(parent)
    if previous is None:
        values.visits.update(upward(tree, parent))
    elif values.own.get(step, -1.0) <= values.own.get(previous, -1.0):
        return
    else:
        values.visits[previous] -= 1
    values.visits[step] += 1
    values.best_children[parent] = step


def _back_up(values: RestValues, view: TreeWithStats, step: str, alpha: float) -> None:
    """Set the value of `step`, which is not expanded yet, and back it up to the root."""
    if step in values.own:
        own = values.own[step]
        values.values[step] = (1 - alpha) * own + alpha * values.rollout_best.get(step, own)
    for node in upward(view.tree, view.tree.steps[step]["parent"]):
        children = view.stats.children[node]
        visited = [child for child in children if values.visits[child] and child in values.values]
        if visited:
            visits = sum(values.visits[child] for child in visited)
            values.values[node] = sum(values.visits[child] * values.values[child] for child in visited) / visits
