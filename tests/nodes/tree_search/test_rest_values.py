"""Values and visits of ReST-MCTS* (docs/reference/algorithms.md 3.2), derived from the score log."""

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any

import pytest

from its_graph.nodes.rules.choice import to_unit
from its_graph.nodes.rules.types import VirtualLosses
from its_graph.nodes.tree_search.backup import TreeWithStats
from its_graph.nodes.tree_search.descent import search_stats
from its_graph.nodes.tree_search.rest_values import RestValues, end_gate_reached, rest_priority, rest_values
from its_graph.search.tree import Tree

MakeTree = Callable[..., Tree]

GROWN = search_stats(99)
OPEN, END = "stop_string", "end"
UNIT = to_unit("prob")


def known_of(tree: Tree, alpha: float = 0.5) -> RestValues:
    return rest_values(UNIT, alpha)(tree.scores, TreeWithStats(tree, GROWN(tree.steps, tree)))


def test_a_parent_has_the_mean_of_its_children_weighted_by_their_visits(frontier_of: MakeTree) -> None:
    """Reference 3.2: children (V .8, N 3), (V .2, N 1) -> parent .65."""
    tree = frontier_of(
        ("0", None, "a\n\n", 0.8, OPEN),
        ("1", None, "b\n\n", 0.2, OPEN),
        ("2", "0", "c\n\n", 0.8, OPEN),
        ("3", "2", "d\n\n", 0.8, OPEN),
        ("4", "1", "e\n\n", 0.2, OPEN),
    )
    known = known_of(tree)
    assert (known.visits["0"], known.visits["1"], known.visits[None]) == (3, 1, 4)
    assert known.value(tree, "0") == pytest.approx(0.8)
    assert known.value(tree, "1") == pytest.approx(0.2)
    assert known.value(tree, None) == pytest.approx(0.65)


def rolled(frontier_of: MakeTree, *scores: float | None) -> Tree:
    """Return a tree of one step of score .4, with a rollout of these scores."""
    rows: list[Any] = [("0", None, "a\n\n", 0.4, OPEN)]
    rows += [(str(key), str(key - 1), f"{key}\n\n", score, OPEN) for key, score in enumerate(scores, 1)]
    tree = frontier_of(*rows)
    for key in range(1, len(scores) + 1):
        tree.steps[str(key)]["auxiliary"] = "rollout"
    return tree


def test_the_best_value_of_a_rollout_is_mixed_into_its_step(frontier_of: MakeTree) -> None:
    """Reference 3.2: child V .4, best .8, alpha .5 -> .6."""
    tree = rolled(frontier_of, 0.3, 0.8, 0.5)
    assert known_of(tree).value(tree, "0") == pytest.approx(0.6)
    assert known_of(tree).value(tree, None) == pytest.approx(0.6)
    assert known_of(tree, alpha=0.25).value(tree, "0") == pytest.approx(0.5)
    assert known_of(tree).visits == {None: 1, "0": 1}


def test_a_rollout_without_a_verdict_leaves_the_value_alone(frontier_of: MakeTree) -> None:
    tree = rolled(frontier_of, None, float("nan"))
    assert known_of(tree).value(tree, "0") == pytest.approx(0.4)


def test_only_the_best_child_of_an_expansion_was_visited(frontier_of: MakeTree) -> None:
    tree = frontier_of(
        ("0", None, "a\n\n", 0.3, OPEN),
        ("1", None, "b\n\n", None, OPEN),
        ("2", None, "c\n\n", 0.7, OPEN),
        ("3", None, "d\n\n", 0.7, OPEN),
    )
    known = known_of(tree)
    assert {key: count for key, count in known.visits.items() if count} == {None: 1, "2": 1}
    assert known.value(tree, None) == pytest.approx(0.7)


def test_equal_siblings_are_one(frontier_of: MakeTree) -> None:
    """Reference 3.2, step 3: unique actions."""
    tree = frontier_of(("0", None, "a\n\n", 0.3, OPEN), ("1", None, "a\n\n", 0.9, OPEN))
    assert known_of(tree).value(tree, None) == pytest.approx(0.3)


def test_a_node_of_which_nothing_is_known_has_the_value_above_it(frontier_of: MakeTree) -> None:
    tree = frontier_of(("0", None, "a\n\n", 0.3, OPEN), ("1", "0", "b\n\n", None, OPEN))
    known = known_of(tree)
    assert known.value(tree, "1") == pytest.approx(0.3)
    nothing = frontier_of(("0", None, "a\n\n", None, OPEN))
    assert known_of(nothing).value(nothing, "0") == 0.5


def test_priorities_of_visited_and_unvisited_children(frontier_of: MakeTree) -> None:
    """Reference 3.2, step 1: the unvisited child counts V + 1; ln 1 = 0 for a parent visited once."""
    tree = frontier_of(("0", None, "a\n\n", 0.3, OPEN), ("1", None, "b\n\n", 0.6, OPEN))
    priority = rest_priority(0.7, rest_values(UNIT, 0.5), GROWN)
    assert priority(tree, None, ["0", "1"], VirtualLosses()) == pytest.approx([1.3, 0.6])


@dataclass
class Node:
    """A node as the published loop keeps it."""

    parent: "Node | None" = None
    value: float = 0.0
    visits: int = 0
    children: list["Node"] = field(default_factory=list)


def test_it_equals_the_published_loop(frontier_of: MakeTree) -> None:
    """Reference 3.2, steps 3 to 5, iteration by iteration on nodes that are updated in place."""
    rng, alpha = Random(3), 0.3
    root, rows, auxiliary = Node(), [], []
    nodes: dict[str, Node] = {}
    leaves: list[tuple[str | None, Node]] = [(None, root)]
    number = 0
    for _ in range(25):
        parent, node = leaves.pop(rng.randrange(len(leaves)))
        children: dict[str, Node] = {}
        for _ in range(3):
            children[str(number)] = Node(node, round(rng.random(), 3))
            rows.append((str(number), parent, f"{number}\n\n", children[str(number)].value, OPEN))
            number += 1
        node.children += children.values()
        best = max(children, key=lambda key: children[key].value)
        top, tip = children[best].value, best
        for _ in range(rng.randrange(3)):
            score = round(rng.random(), 3)
            rows.append((str(number), tip, f"{number}\n\n", score, OPEN))
            auxiliary.append(str(number))
            tip, top, number = str(number), max(top, score) if tip != best else score, number + 1
        if tip != best:
            children[best].value = (1 - alpha) * children[best].value + alpha * top
        children[best].visits += 1
        above: Node | None = node
        while above is not None:
            above.visits += 1
            visited = [child for child in above.children if child.visits]
            above.value = sum(one.visits * one.value for one in visited) / sum(one.visits for one in visited)
            above = above.parent
        nodes |= children
        leaves += children.items()
    tree = frontier_of(*rows)
    for key in auxiliary:
        tree.steps[key]["auxiliary"] = "rollout"
    known = known_of(tree, alpha)
    assert {key: known.visits[key] for key in nodes} == {key: node.visits for key, node in nodes.items()}
    assert known.visits[None] == root.visits == 25
    expected = {key: node.value for key, node in nodes.items()} | {None: root.value}
    assert {key: known.value(tree, key) for key in expected} == pytest.approx(expected)


def test_only_a_complete_solution_passes_the_end_gate(frontier_of: MakeTree) -> None:
    """Reference 3.2, step 2: end_gate .9."""
    stop = end_gate_reached(UNIT, 0.9)
    assert stop(frontier_of(("0", None, "a\n\n", 0.95, OPEN), ("1", None, r"\boxed{1}", 0.89, END))) is None
    assert stop(frontier_of(("0", None, r"\boxed{1}", None, END))) is None
    assert stop(frontier_of(("0", None, r"\boxed{1}", 0.9, END))) == "completed"
    real = end_gate_reached(to_unit("real"), 0.9)
    assert real(frontier_of(("0", None, r"\boxed{1}", 2.0, END))) is None
    assert real(frontier_of(("0", None, r"\boxed{1}", 2.2, END))) == "completed"
