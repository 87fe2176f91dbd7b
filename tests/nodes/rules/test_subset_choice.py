"""Choosing among some of the solutions as if there were no others, reported by the indices of all."""

from collections.abc import Callable

from its_graph.nodes.rules.choice import argmax, majority, weighted
from its_graph.nodes.rules.subset_choice import first_vote, restrict, subset_choice
from its_graph.nodes.rules.types import Choice
from its_graph.search.tree import Tree

MakeTree = Callable[..., Tree]


def of(*ids: str) -> Callable[[Tree], list[str]]:
    return lambda tree: list(ids)


def test_only_members_vote_and_win(solutions: MakeTree) -> None:
    tree = solutions(["A", "A", "A", "B", "C", "B"])
    choice = subset_choice(of("1", "3", "4", "5"), majority)(tree)
    assert choice.winner == 3
    assert choice.votes == {tree.answer_classes[3]: 2.0, tree.answer_classes[0]: 1.0, tree.answer_classes[4]: 1.0}
    assert not choice.tie
    assert subset_choice(of("2", "4"), majority)(tree).tie


def test_scores_of_others_do_not_count(solutions: MakeTree) -> None:
    tree = solutions(["A", "A", "B"], [0.9, 0.1, 0.5])
    assert subset_choice(of("1", "2"), weighted())(tree).winner == 2
    assert subset_choice(of("1", "2"), argmax)(tree).winner == 2
    assert subset_choice(of("1", "2"), weighted())(tree).votes == {0: 0.1, 1: 0.5}


def test_the_vote_decides_among_members_that_have_no_score(solutions: MakeTree) -> None:
    choice = subset_choice(of("1", "2", "3"), weighted())(solutions(["B", "A", "B", "B"], [0.9, None, None, None]))
    assert choice.winner == 2
    assert choice.notes == ("No candidate that may vote has a score: the vote decided.",)


def test_cut_off_members_may_win_where_all_are_but_are_no_vote_of_the_whole(solutions: MakeTree) -> None:
    tree = solutions(["A", "B", "C"], [0.5, 0.4, 0.9], ["end", "length", "length"])
    choice = subset_choice(of("1", "2"), argmax)(tree)
    assert choice.winner == 2
    assert choice.votes == {}


def test_a_class_that_only_votes_without_the_rest_is_no_vote_of_the_whole() -> None:
    steps = {
        str(key): {"parent": None, "text": rf"\boxed{{{key}}}", "tokens": 1, "finish": finish, "confidence": None}
        for key, finish in enumerate(["end", "stop_string"])
    }
    tree = Tree.of({"steps": steps, "frontier": ["1"]})
    assert majority(restrict(tree, ["1"])).votes == {0: 1.0}
    assert subset_choice(of("1"), majority)(tree) == Choice(1)


def test_without_members_there_is_no_winner(solutions: MakeTree) -> None:
    assert subset_choice(of(), majority)(solutions(["A"])).winner is None


def test_a_restricted_tree_is_a_search_that_had_nothing_else(frontier_of: MakeTree) -> None:
    tree = frontier_of(
        ("0", None, "a\n\n", 0.1, "stop_string"),
        ("1", None, "b\n\n", 0.2, "stop_string"),
        ("2", "0", r"\boxed{1}", 0.3, "end"),
        ("3", "1", r"\boxed{2}", 0.4, "end"),
    )
    tree.frontier = ["2", "3"]
    view = restrict(tree, ["3"])
    assert list(view.steps) == ["1", "3"]
    assert list(view.scores) == ["1", "3"]
    assert view.frontier == ["3"]
    assert [(finalist.id, finalist.text, finalist.score) for finalist in view.finalists] == [
        ("3", "b\n\n\\boxed{2}", 0.4)
    ]


def test_a_restricted_tree_keeps_the_settings_of_the_search() -> None:
    tree = Tree.of({"settings": {"seed": 3}, "question": [{"role": "user", "content": "?"}]})
    assert restrict(tree, []).seed("x") == tree.seed("x")
    assert restrict(tree, []).question == tree.question


def test_the_first_rule_under_which_anybody_votes_decides(solutions: MakeTree) -> None:
    tree = solutions(["A", "A", "B", None])
    newest, older = subset_choice(of("3"), majority), subset_choice(of("2", "3"), majority)
    assert first_vote(older, majority)(tree) == older(tree)
    choice = first_vote(newest, older, majority)(tree)
    assert choice.winner == 2
    assert choice.notes == ("The newest solutions have no answer: older ones voted.",)


def test_where_nobody_votes_the_first_winner_is_taken(solutions: MakeTree) -> None:
    tree = solutions([None, None])
    assert first_vote(subset_choice(of("1"), majority), majority)(tree).winner == 1
    assert first_vote(subset_choice(of(), majority), majority)(tree).winner == 0
    assert first_vote(subset_choice(of(), majority), majority)(solutions([])).winner is None
