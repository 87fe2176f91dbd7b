"""Descent (docs/reference/algorithms.md 3.1): what is a leaf, what is exhausted, and which leaves a round expands."""

from collections.abc import Callable

import pytest

from its_graph.nodes.rules.types import PriorityRule, VirtualLosses
from its_graph.nodes.tree_search.descent import descend, exhausted, open_leaves, search_stats, stop_on_failures
from its_graph.search.tree import Tree

MakeTree = Callable[..., Tree]
Row = tuple[str, str | None, str, float | None, str]

STATS = search_stats(9)
OPEN, END, CUT = "stop_string", "end", "length"


def by_score(tree: Tree, node: str | None, children: list[str], losses: VirtualLosses) -> list[float]:
    """A greedy priority, so that a test sees where descent goes."""
    return [tree.score(child) or 0.0 for child in children]


def down(
    tree: Tree,
    priority: PriorityRule = by_score,
    *,
    leaves: int = 1,
    branch: int = 1,
    iterations: int = 99,
    spare: int = 0,
) -> list[str]:
    return descend(STATS, priority, leaves=leaves, branch=branch, iterations=iterations, spare=spare)(tree)


def fail(tree: Tree, parent: str | None, *keys: str) -> None:
    tree.failures |= {key: {"parent": parent, "reason": "ValueError"} for key in keys}


# --- leaves -----------------------------------------------------------------------------------------------------------


def test_only_open_paths_that_were_never_expanded_are_leaves(frontier_of: MakeTree) -> None:
    tree = frontier_of(
        ("0", None, "a\n\n", 0.5, OPEN),
        ("1", None, "b\n\n", 0.5, OPEN),
        ("2", None, r"\boxed{1}", 0.9, END),
        ("3", None, "on and on", 0.9, CUT),
        ("4", "0", "c\n\n", 0.5, OPEN),
    )
    stats = STATS(tree.steps, tree)
    assert stats.leaves == {"1", "4"}
    assert stats.leaves_below == {None: 2, "0": 1, "1": 1, "4": 1}
    assert stats.expansions == 2


def test_a_path_at_the_depth_limit_is_no_leaf(frontier_of: MakeTree) -> None:
    """Reference 3.1, rule 2."""
    tree = frontier_of(("0", None, "a\n\n", 0.5, OPEN), ("1", "0", "b\n\n", 0.5, OPEN), ("2", None, "c\n\n", 0.1, OPEN))
    assert search_stats(2)(tree.steps, tree).leaves == {"2"}
    assert search_stats(3)(tree.steps, tree).leaves == {"1", "2"}


def test_equal_siblings_are_one_and_equal_cousins_are_not(frontier_of: MakeTree) -> None:
    """Reference 3.1, rule 4."""
    tree = frontier_of(
        ("0", None, "a\n\n", 0.5, OPEN),
        ("1", None, "a\n\n", 0.5, OPEN),
        ("2", None, "b\n\n", 0.5, OPEN),
        ("3", "0", "c\n\n", 0.5, OPEN),
        ("4", "2", "c\n\n", 0.5, OPEN),
    )
    stats = STATS(tree.steps, tree)
    assert stats.duplicates == {"1"}
    assert stats.children[None] == ["0", "2"]
    assert stats.leaves == {"3", "4"}


def test_a_step_that_ends_is_no_duplicate_of_one_that_continues(frontier_of: MakeTree) -> None:
    tree = frontier_of(("0", None, "a", 0.5, END), ("1", None, "a", 0.5, OPEN))
    assert STATS(tree.steps, tree).leaves == {"1"}


def test_auxiliary_text_does_not_grow_the_tree(frontier_of: MakeTree) -> None:
    tree = frontier_of(("0", None, "a\n\n", 0.5, OPEN), ("1", "0", "b\n\n", 0.5, OPEN))
    tree.steps["1"]["auxiliary"] = "rollout"
    assert STATS(tree.steps, tree).leaves == {"0"}


def test_a_simulation_is_no_expansion_and_the_first_expansion_after_it_is_one(frontier_of: MakeTree) -> None:
    tree = frontier_of(
        ("0", None, "a\n\n", 0.5, OPEN), ("1", "0", r"b \boxed{1}", 0.5, END), ("2", "0", r"c \boxed{2}", 0.5, END)
    )
    first = {key: tree.steps[key] for key in ("0", "1")}
    assert search_stats(9, simulating=True)(first, tree).leaves == {"0"}
    stats = search_stats(9, simulating=True)(tree.steps, tree)
    assert (stats.simulations, stats.children["0"], stats.expansions) == ({"1"}, ["2"], 2)


def test_where_the_simulation_failed_the_first_step_below_is_an_expansion(frontier_of: MakeTree) -> None:
    tree = frontier_of(("0", None, "a\n\n", 0.5, OPEN), ("2", "0", r"c \boxed{2}", 0.5, END))
    fail(tree, "0", "1")
    stats = search_stats(9, simulating=True)(tree.steps, tree)
    assert (stats.simulations, stats.children["0"]) == (set(), ["2"])


# --- the way down -----------------------------------------------------------------------------------------------------


def test_it_goes_to_the_highest_priority_and_ties_go_to_the_oldest(frontier_of: MakeTree) -> None:
    rows: list[Row] = [
        ("0", None, "a\n\n", 0.5, OPEN),
        ("1", None, "b\n\n", 0.7, OPEN),
        ("2", "1", "c\n\n", 0.4, OPEN),
        ("3", "1", "d\n\n", 0.4, OPEN),
    ]
    assert down(frontier_of(*rows)) == ["2"]
    assert down(frontier_of(*rows), branch=3) == ["2", "2", "2"]
    assert down(frontier_of(*rows[:2], ("2", "1", "c\n\n", 0.4, OPEN), ("3", "1", "d\n\n", 0.6, OPEN))) == ["3"]


def test_the_leaves_of_one_round_are_different_ones(frontier_of: MakeTree) -> None:
    tree = frontier_of(*((str(key), None, f"{key}\n\n", 0.1 * key, OPEN) for key in range(5)))
    assert down(tree, leaves=3, branch=2) == ["4", "4", "3", "3", "2", "2"]
    assert down(tree, leaves=99) == ["4", "3", "2", "1", "0"]


def test_a_leaf_chosen_in_this_round_is_a_virtual_loss_all_the_way_up(frontier_of: MakeTree) -> None:
    """Reference 3.1, rule 6: virtual loss."""
    seen: list[dict[str | None, int]] = []

    def watch(tree: Tree, node: str | None, children: list[str], losses: VirtualLosses) -> list[float]:
        if node is None:
            seen.append(dict(losses))
        return [-1.0 * losses[child] for child in children]

    rows: list[Row] = [("0", None, "a\n\n", 0.5, OPEN), ("1", None, "b\n\n", 0.5, OPEN)]
    rows += [(str(key), "0" if key % 2 else "1", f"{key}\n\n", 0.5, OPEN) for key in range(2, 8)]
    assert down(frontier_of(*rows), watch, leaves=4) == ["3", "2", "5", "4"]
    assert seen[:3] == [{}, {"3": 1, "0": 1, None: 1}, {"3": 1, "0": 1, "2": 1, "1": 1, None: 2}]


def test_descent_never_enters_an_exhausted_branch(frontier_of: MakeTree) -> None:
    """Reference 3.1, rule 1: the best branch has only finished leaves, so the search goes elsewhere."""
    tree = frontier_of(
        ("0", None, "a\n\n", 0.9, OPEN),
        ("1", None, "b\n\n", 0.1, OPEN),
        ("2", "0", r"\boxed{1}", 0.9, END),
        ("3", "0", "on and on", 0.9, CUT),
    )
    assert down(tree) == ["1"]


def test_a_finished_path_is_never_named(frontier_of: MakeTree) -> None:
    assert down(frontier_of(("0", None, r"\boxed{1}", 0.9, END), ("1", None, r"\boxed{2}", 0.8, END)), leaves=4) == []


@pytest.mark.parametrize(("iterations", "named"), [(1, 0), (2, 0), (3, 1), (4, 2), (9, 3)])
def test_iterations_count_the_roots_expansion_and_bound_the_round(
    frontier_of: MakeTree, iterations: int, named: int
) -> None:
    rows: list[Row] = [(str(key), None, f"{key}\n\n", 0.5, OPEN) for key in range(3)]
    tree = frontier_of(*rows, ("3", "0", "deep\n\n", 0.5, OPEN))
    assert len(down(tree, leaves=5, iterations=iterations)) == named


# --- a person ---------------------------------------------------------------------------------------------------------


def steer(tree: Tree, *pruned: str) -> None:
    tree.human_edits["0"] = {"prune": list(pruned), "boost": [], "edits": {}, "hint": None, "stop": False}


def test_descent_never_enters_what_a_person_pruned(frontier_of: MakeTree) -> None:
    rows: list[Row] = [
        ("0", None, "a\n\n", 0.9, OPEN),
        ("1", None, "b\n\n", 0.1, OPEN),
        ("2", "0", "c\n\n", 0.9, OPEN),
        ("3", "0", "d\n\n", 0.8, OPEN),
    ]
    tree = frontier_of(*rows)
    steer(tree, "2")
    assert down(tree, leaves=9) == ["3", "1"]
    tree = frontier_of(*rows)
    steer(tree, "0", "2")
    assert down(tree, leaves=9) == ["1"]
    assert open_leaves(STATS, leaves=9)(tree) == ["1"]
    assert exhausted(STATS)(tree) == "iterations"
    tree = frontier_of(*rows)
    steer(tree, "0", "1")
    assert down(tree, leaves=9) == []
    assert open_leaves(STATS, leaves=9)(tree) == []
    assert exhausted(STATS)(tree) == "no_open_path"


def test_a_leaf_that_failed_and_was_pruned_is_lost_once(frontier_of: MakeTree) -> None:
    tree = frontier_of(("0", None, "a\n\n", 0.9, OPEN), ("1", None, "b\n\n", 0.1, OPEN))
    fail(tree, "0", "2")
    steer(tree, "0")
    assert down(tree, leaves=9) == ["1"]


def test_what_a_person_wrote_is_no_duplicate_and_not_simulated(frontier_of: MakeTree) -> None:
    tree = frontier_of(
        ("0", None, "a\n\n", 0.5, OPEN), ("1", None, "a\n\n", 0.5, OPEN), ("2", "1", r"b \boxed{1}", 0.5, END)
    )
    tree.steps["1"]["by"] = "person"
    stats = search_stats(9, simulating=True)(tree.steps, tree)
    assert (stats.duplicates, stats.simulations, stats.children["1"]) == (set(), set(), ["2"])
    assert stats.leaves == {"0"}


# --- failures ---------------------------------------------------------------------------------------------------------


def test_a_leaf_of_which_only_failures_came_is_exhausted_and_was_an_iteration(frontier_of: MakeTree) -> None:
    tree = frontier_of(("0", None, "a\n\n", 0.9, OPEN), ("1", None, "b\n\n", 0.1, OPEN))
    fail(tree, "0", "2", "3")
    assert down(tree) == ["1"]
    assert down(tree, iterations=2) == []
    assert down(tree, iterations=3) == ["1"]


def test_a_simulation_that_failed_does_not_exhaust_its_leaf(frontier_of: MakeTree) -> None:
    tree = frontier_of(("0", None, "a\n\n", 0.9, OPEN), ("1", None, "b\n\n", 0.1, OPEN))
    fail(tree, "0", "2")
    assert down(tree, spare=1) == ["0"]
    fail(tree, "0", "3")
    assert down(tree, spare=1) == ["1"]


def test_a_leaf_that_lost_a_part_of_its_expansion_was_expanded(frontier_of: MakeTree) -> None:
    tree = frontier_of(("0", None, "a\n\n", 0.9, OPEN), ("2", "0", "b\n\n", 0.5, OPEN))
    fail(tree, "0", "1", "3")
    assert down(tree) == ["2"]


def test_a_search_that_only_loses_gives_up(frontier_of: MakeTree) -> None:
    tree = frontier_of(("0", None, "a\n\n", 0.9, OPEN))
    fail(tree, None, "1", "2")
    assert stop_on_failures(2)(tree) == "failures"
    assert stop_on_failures(3)(tree) is None
    assert stop_on_failures(4)(tree) is None


# --- ends -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        ([("0", None, r"\boxed{1}", 0.9, END), ("1", None, "b\n\n", 0.5, OPEN)], "completed"),
        ([("0", None, "a\n\n", 0.9, OPEN)], "iterations"),
        ([("0", None, "a\n\n", 0.9, OPEN), ("1", "0", "b\n\n", 0.9, OPEN)], "max_steps"),
        ([("0", None, "on and on", 0.9, CUT)], "no_open_path"),
    ],
)
def test_a_search_that_finds_no_leaf_says_why(frontier_of: MakeTree, rows: list[Row], reason: str) -> None:
    tree = frontier_of(*rows)
    stop = exhausted(search_stats(2))
    assert stop(tree) == reason
    tree.frontier = ["0"]
    assert stop(tree) is None


def test_without_a_solution_the_best_open_ends_are_what_can_be_finished(frontier_of: MakeTree) -> None:
    rows: list[Row] = [
        ("0", None, "a\n\n", 0.9, OPEN),
        ("1", "0", "b\n\n", 0.3, OPEN),
        ("2", "0", "c\n\n", 0.7, OPEN),
        ("3", "0", "c\n\n", 0.7, OPEN),
        ("4", None, "on and on", 0.95, CUT),
    ]
    tree = frontier_of(*rows)
    assert open_leaves(STATS, leaves=2)(tree) == ["2", "1"]
    assert open_leaves(search_stats(2), leaves=1)(tree) == ["2"]
    done = frontier_of(*rows, ("5", "2", r"\boxed{1}", 0.1, END))
    assert open_leaves(STATS, leaves=2)(done) == []
