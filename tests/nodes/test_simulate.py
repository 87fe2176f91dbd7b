"""What is simulated, rolled out and verified; sampling itself is tested in tests/graphs."""

from collections.abc import Callable

from its_graph.nodes.simulate import best_child, rollout_paths, simulated_paths
from its_graph.search.tree import Tree

MakeTree = Callable[..., Tree]

OPEN, END = "stop_string", "end"


def test_the_best_child_is_the_best_new_step_and_ties_go_to_the_oldest(frontier_of: MakeTree) -> None:
    rows = [("0", None, "a\n\n", 0.4, OPEN), ("1", None, "b\n\n", 0.7, OPEN), ("2", None, "c\n\n", 0.7, OPEN)]
    assert best_child(frontier_of(*rows)) == "1"
    assert best_child(frontier_of(*rows, ("3", None, r"\boxed{1}", 0.9, END))) == "3"
    assert best_child(frontier_of(("0", None, "a\n\n", None, OPEN), ("1", None, "b\n\n", 0.1, OPEN))) == "1"
    assert best_child(frontier_of()) is None


def test_every_step_of_the_best_child_rollout_is_verified(frontier_of: MakeTree) -> None:
    rows = [("0", None, "a\n\n", 0.4, OPEN), ("1", None, "b\n\n", 0.7, OPEN)]
    tree = frontier_of(*rows, ("2", "1", "c\n\n", None, OPEN), ("3", "2", "d\n\n", None, OPEN))
    tree.steps["2"]["auxiliary"] = tree.steps["3"]["auxiliary"] = "rollout"
    tree.new_steps = ["0", "1"]
    assert list(rollout_paths(tree)) == [("2", "2"), ("3", "3")]
    assert list(rollout_paths(frontier_of(*rows))) == []
    assert list(rollout_paths(frontier_of())) == []


def test_if_only_solutions_are_verified_beginnings_are_left_out(frontier_of: MakeTree) -> None:
    tree = frontier_of(("0", None, "a\n\n", None, OPEN), ("1", None, "b", None, "length"), ("2", None, "c", None, END))
    assert list(simulated_paths(tree)) == [("1", "1"), ("2", "2")]
