"""Backup (docs/reference/algorithms.md 3.1): visits and values of a tree as a fold of its score log."""

from collections.abc import Callable
from random import Random

import pytest

from its_graph.nodes.rules.choice import to_unit
from its_graph.nodes.rules.types import BanditArm, VirtualLosses
from its_graph.nodes.tree_search.backup import Backup, TreeWithStats, backup, bandit_priority, most_visited
from its_graph.nodes.tree_search.bandit import puct, ucb1
from its_graph.nodes.tree_search.descent import search_stats
from its_graph.search.tree import Tree

MakeTree = Callable[..., Tree]

GROWN = search_stats(9)
OPEN, END = "stop_string", "end"
FIGURE = [
    ("0", None, "1a\n\n", None, OPEN),
    ("1", None, "1b\n\n", None, OPEN),
    ("2", "0", "2a A", 0.8, END),
    ("3", "0", "2b B", 0.3, END),
    ("4", "1", "2c C", 0.6, END),
]


def backed_up(tree: Tree, rollout_weight: float = 0.0, score_range: str = "prob") -> Backup:
    stats = search_stats(9, simulating=rollout_weight > 0)(tree.steps, tree)
    scale = to_unit("prob" if score_range == "prob" else "real")
    return backup(scale, rollout_weight)(tree.scores, TreeWithStats(tree, stats))


@pytest.fixture
def figure(frontier_of: MakeTree) -> Tree:
    """Return the example tree of Reference 3.1: inner nodes were not evaluated themselves."""
    tree = frontier_of(*FIGURE)
    del tree.scores["0"], tree.scores["1"]
    return tree


def test_the_figure_tree(figure: Tree) -> None:
    """Reference 3.1: leaves 2a .8, 2b .3 under 1a; 2c .6 under 1b, one backup each."""
    sums = backed_up(figure)
    assert (sums.visits[None], sums.visits["0"], sums.visits["1"]) == (3, 2, 1)
    assert sums.mean(figure, None) == pytest.approx(0.566667, abs=1e-6)
    assert sums.mean(figure, "0") == pytest.approx(0.55)
    assert sums.mean(figure, "1") == pytest.approx(0.6)


def test_the_priorities_of_the_figure_tree(figure: Tree) -> None:
    """Reference 3.1: UCB1 of 1a 1.597989, of 1b 2.082080."""
    priority = bandit_priority(ucb1, 1.414, backup(to_unit("prob")), GROWN)
    assert priority(figure, None, ["0", "1"], VirtualLosses()) == pytest.approx([1.597989, 2.082080], abs=1e-6)


def test_it_equals_back_propagation_through_nodes(frontier_of: MakeTree) -> None:
    """The textbook's update, node by node, on a random tree in which every node is evaluated once."""
    chance = Random(1)
    rows: list[tuple[str, str | None, str, float, str]] = [("0", None, "0\n\n", 0.5, OPEN)]
    rows += [
        (str(key), chance.choice([None, str(chance.randrange(key))]), f"{key}\n\n", chance.random(), OPEN)
        for key in range(1, 80)
    ]
    tree = frontier_of(*rows)
    visits: dict[str | None, int] = {}
    total: dict[str | None, float] = {}
    for key, _, _, value, _ in rows:
        node: str | None = key
        while True:
            visits[node] = visits.get(node, 0) + 1
            total[node] = total.get(node, 0.0) + (value or 0.0)
            if node is None:
                break
            node = tree.steps[node]["parent"]
    sums = backed_up(tree)
    assert sums.visits == visits
    assert {node: sums.mean(tree, node) for node in visits} == pytest.approx(
        {node: total[node] / visits[node] for node in visits}
    )


def test_a_missing_score_is_a_visit_and_never_a_bad_one(frontier_of: MakeTree) -> None:
    tree = frontier_of(
        ("0", None, "a\n\n", 0.8, OPEN), ("1", "0", "b\n\n", None, OPEN), ("2", "0", "c\n\n", float("nan"), OPEN)
    )
    sums = backed_up(tree)
    assert (sums.visits["0"], sums.mean(tree, "0")) == (3, 0.8)
    assert sums.mean(tree, "1") == 0.8


def test_without_any_score_all_are_alike(frontier_of: MakeTree) -> None:
    tree = frontier_of(("0", None, "a\n\n", None, OPEN), ("1", None, "b\n\n", None, OPEN))
    first, second = bandit_priority(ucb1, 1.414, backup(to_unit("prob")), GROWN)(
        tree, None, ["0", "1"], VirtualLosses()
    )
    assert first == second


def test_duplicates_and_auxiliary_text_are_not_counted(frontier_of: MakeTree) -> None:
    tree = frontier_of(
        ("0", None, "a\n\n", 0.8, OPEN),
        ("1", None, "a\n\n", 0.8, OPEN),
        ("2", None, "b\n\n", 0.2, OPEN),
        ("3", "2", "c\n\n", 0.9, OPEN),
    )
    tree.steps["3"]["auxiliary"] = "rollout"
    sums = backed_up(tree)
    assert sums.visits == {"0": 1, "2": 1, None: 2}
    assert sums.mean(tree, None) == pytest.approx(0.5)


def test_a_simulation_shares_the_weight_with_its_step(frontier_of: MakeTree) -> None:
    tree = frontier_of(("0", None, "a\n\n", 0.8, OPEN), ("1", "0", r"\boxed{1}", 0.4, END))
    sums = backed_up(tree, rollout_weight=0.25)
    assert sums.visits["0"] == 1
    assert sums.mean(tree, "0") == pytest.approx(0.75 * 0.8 + 0.25 * 0.4)
    assert backed_up(tree, rollout_weight=1.0).mean(tree, "0") == pytest.approx(0.4)


def test_unbounded_scores_are_mapped_to_the_unit_interval(frontier_of: MakeTree) -> None:
    tree = frontier_of(("0", None, "a\n\n", 0.0, OPEN), ("1", None, "b\n\n", 40.0, OPEN))
    assert backed_up(tree, score_range="real").mean(tree, None) == pytest.approx(0.75)


def test_virtual_losses_are_visits_with_the_value_zero(figure: Tree) -> None:
    seen: list[BanditArm] = []

    def watch(arm: BanditArm, exploration: float) -> float:
        seen.append(arm)
        return 0.0

    losses = VirtualLosses({None: 3, "0": 2, "1": 1})
    bandit_priority(watch, 1.0, backup(to_unit("prob")), GROWN)(figure, None, ["0", "1"], losses)
    assert [(arm.visits, arm.parent_visits) for arm in seen] == [(4, 6), (2, 6)]
    assert [arm.value for arm in seen] == pytest.approx([1.1 / 4, 0.6 / 2])


def test_an_unscored_child_counts_as_one_visit_of_its_parents_mean(frontier_of: MakeTree) -> None:
    tree = frontier_of(("0", None, "a\n\n", 0.6, OPEN), ("1", None, "b\n\n", 0.2, OPEN))
    del tree.scores["1"]
    first, second = bandit_priority(ucb1, 1.0, backup(to_unit("prob")), GROWN)(tree, None, ["0", "1"], VirtualLosses())
    assert first == second == pytest.approx(0.6)


def test_siblings_share_the_prior_by_the_generators_confidence(frontier_of: MakeTree) -> None:
    tree = frontier_of(("0", None, "a\n\n", 0.5, OPEN), ("1", None, "b\n\n", 0.5, OPEN))
    priority = bandit_priority(puct, 1.25, backup(to_unit("prob")), GROWN)
    first, second = priority(tree, None, ["0", "1"], VirtualLosses())
    assert first == second
    tree.steps["0"]["confidence"], tree.steps["1"]["confidence"] = -2.0, -0.5
    first, second = priority(tree, None, ["0", "1"], VirtualLosses())
    assert first < second


# --- the robust child -------------------------------------------------------------------------------------------------


def test_the_most_visited_child_is_followed_to_a_solution(frontier_of: MakeTree) -> None:
    tree = frontier_of(
        ("0", None, "a\n\n", 0.5, OPEN),
        ("1", None, r"\boxed{1}", 0.9, END),
        ("2", "0", r"\boxed{2}", 0.5, END),
        ("3", "0", r"\boxed{3}", 0.6, END),
    )
    choice = most_visited(tree)
    assert choice.winner is not None
    assert tree.finalists[choice.winner].answer == "3"
    assert not choice.tie


def test_only_children_that_lead_to_a_solution_are_followed(frontier_of: MakeTree) -> None:
    """Reference 3.1, rule 3: a path that merely follows visits can stop where there is no answer."""
    rows = [("0", None, "a\n\n", 0.5, OPEN), ("1", None, r"\boxed{1}", 0.1, END)]
    idle = [(str(key), "0", f"{key}\n\n", 0.9, OPEN) for key in range(2, 6)]
    choice = most_visited(frontier_of(*rows, *idle))
    assert choice.winner == 0
    assert frontier_of(*rows, *idle).finalists[0].answer == "1"


def test_most_visited_without_a_solution_is_the_best_scored(frontier_of: MakeTree) -> None:
    tree = frontier_of(("0", None, "a\n\n", 0.2, OPEN), ("1", None, "b\n\n", 0.8, OPEN))
    tree.frontier = ["0", "1"]
    assert most_visited(tree).winner == 1


def test_equal_visits_and_scores_are_a_tie(frontier_of: MakeTree) -> None:
    choice = most_visited(frontier_of(("0", None, r"\boxed{1}", 0.5, END), ("1", None, r"\boxed{2}", 0.5, END)))
    assert (choice.winner, choice.tie) == (0, True)
