"""Choice rules against the vectors of docs/reference/algorithms.md 0.2, 1.1, 1.2, 1.3, 1.4.2 and 1.6."""

import itertools
import math
from collections.abc import Callable

import pytest

from its_graph.nodes.rules.choice import argmax, borda, majority, pessimistic, to_unit, weighted, window_vote
from its_graph.nodes.rules.types import ChoiceRule
from its_graph.search.tree import Tree

MakeTree = Callable[..., Tree]


def test_argmax_takes_the_first_of_equals(solutions: MakeTree) -> None:
    """Reference 1.1: scores [.2, .9, .9] -> index 1; the tie of two answers is reported (Reference 0.2, rule 1)."""
    choice = argmax(solutions(["A", "B", "C"], [0.2, 0.9, 0.9]))
    assert choice.winner == 1
    assert choice.tie


def test_the_same_answer_twice_is_no_tie(solutions: MakeTree) -> None:
    assert not argmax(solutions(["A", "B", "B"], [0.2, 0.9, 0.9])).tie


def test_weighted_max_and_majority_can_all_differ(solutions: MakeTree) -> None:
    """Reference 1.2: A .4, A .4, B .7 -> weighted A (.8), max B, majority A."""
    tree = solutions(["A", "A", "B"], [0.4, 0.4, 0.7])
    choice = weighted()(tree)
    assert choice.winner == 0
    assert choice.votes == pytest.approx({0: 0.8, 1: 0.7})
    assert argmax(tree).winner == 2
    assert majority(tree).winner == 0


def test_weighted_returns_the_best_solution_of_the_answer(solutions: MakeTree) -> None:
    assert weighted()(solutions(["A", "A", "B"], [0.3, 0.5, 0.7])).winner == 1


@pytest.mark.parametrize("answers", list(itertools.product("AB", repeat=4)))
def test_with_equal_scores_weighted_is_majority(solutions: MakeTree, answers: tuple[str, ...]) -> None:
    """Reference 1.2: all scores equal -> same as majority."""
    tree = solutions(answers, [0.3] * 4)
    assert weighted()(tree).winner == majority(tree).winner


def test_majority_counts_who_has_an_answer(solutions: MakeTree) -> None:
    """Reference 1.3: [A, B, A, None] -> A, share 2/3, abstain 1."""
    tree = solutions(["A", "B", "A", None])
    choice = majority(tree)
    assert choice.winner == 0
    assert choice.votes == {0: 2.0, 1: 1.0}
    assert tree.answer_classes == [0, 1, 0, None]


def test_a_tied_vote_goes_to_the_first_and_says_so(solutions: MakeTree) -> None:
    """Reference 1.3: [A, B] -> A with tie reported."""
    choice = majority(solutions(["A", "B"]))
    assert choice.winner == 0
    assert choice.tie


def test_equal_by_meaning_is_one_answer(solutions: MakeTree) -> None:
    """Reference 0.6: 0.5, 1/2 and \\frac{1}{2} are one class."""
    assert solutions(["0.5", "7", "1/2", r"\frac{1}{2}"]).answer_classes == [0, 1, 0, 0]


def test_cut_off_samples_do_not_vote(solutions: MakeTree) -> None:
    """Reference 0.2, rule 3."""
    tree = solutions(["A", "A", "B"], finish=["length", "length", "end"])
    assert majority(tree).winner == 2
    assert tree.answer_classes == [None, None, 0]


def test_missing_scores_are_dropped_not_taken_for_bad(solutions: MakeTree) -> None:
    """Reference 0.2, rule 2."""
    tree = solutions(["A", "A", "B"], [None, math.nan, 0.1])
    assert weighted()(tree).winner == 2
    assert argmax(tree).winner == 2


@pytest.mark.parametrize("rule", [weighted(), argmax, pessimistic(), borda()])
def test_without_any_score_the_vote_decides_and_says_so(solutions: MakeTree, rule: Callable[..., object]) -> None:
    choice = rule(solutions(["B", "A", "A"], [None, None, math.nan]))
    assert choice.winner == 1  # type: ignore[attr-defined]
    assert choice.notes == ("No candidate that may vote has a score: the vote decided.",)  # type: ignore[attr-defined]


def test_without_answers_the_best_score_wins(solutions: MakeTree) -> None:
    assert weighted()(solutions([None, None], [0.2, 0.4])).winner == 1


def test_without_answers_and_scores_the_first_is_taken_and_it_is_said(solutions: MakeTree) -> None:
    choice = majority(solutions([None, None]))
    assert choice.winner == 0
    assert choice.notes == ("No candidate has a final answer: the first one was taken.",)


@pytest.mark.parametrize("rule", [majority, weighted(), argmax, pessimistic(), borda(), window_vote(2)])
def test_nothing_to_choose_from_is_said(solutions: MakeTree, rule: ChoiceRule) -> None:
    choice = rule(solutions([]))
    assert choice.winner is None
    assert choice.notes == ("There is no candidate to choose from.",)


def test_a_finished_candidate_beats_a_better_scored_cut_off_one(solutions: MakeTree) -> None:
    assert argmax(solutions([None, None], [0.9, 0.1], ["length", "end"])).winner == 1


def test_pessimism_distrusts_a_lone_high_score(solutions: MakeTree) -> None:
    """Mean less penalty/count: A (.6+.6)/2 - .5/2 = .35, B .8 - .5 = .3; without a penalty B wins."""
    tree = solutions(["A", "A", "B"], [0.6, 0.6, 0.8])
    choice = pessimistic()(tree)
    assert choice.winner == 0
    assert choice.votes == pytest.approx({0: 0.35, 1: 0.3})
    assert pessimistic(penalty=0)(tree).winner == 2


def test_unbounded_scores_are_squashed_before_they_are_summed(solutions: MakeTree) -> None:
    """Summed raw, -1 and -1 would lose to -1.5 alone; as probabilities two outvote one."""
    assert weighted("real")(solutions(["A", "A", "B"], [-1.0, -1.0, -0.5])).winner == 0
    assert to_unit("real")(0.0) == 0.5
    assert to_unit("real")(-800.0) == pytest.approx(0.0)
    assert to_unit("prob")(0.3) == 0.3


def test_the_sum_does_not_depend_on_the_order(solutions: MakeTree) -> None:
    scores = [0.1, 0.2, 0.3, 1e-17, 0.7, 1e-17]
    sums = {weighted()(solutions(["A"] * 6, order)).votes[0] for order in itertools.permutations(scores)}
    assert len(sums) == 1


def test_a_unanimous_window_beats_the_pooled_majority(solutions: MakeTree) -> None:
    """Reference 1.4.2: BBBAB AAAAA -> A is the window's answer; the pool has 6 A, 4 B here, so make B lead."""
    choice = window_vote(5)(solutions(list("BBBBA") + list("BBBBA") + list("AAAAA")))
    assert choice.winner == 10
    assert window_vote(5)(solutions(list("BBBABAAAAB"))).winner == 0
    assert window_vote(5)(solutions([None] * 5)).winner == 0


@pytest.mark.parametrize(
    ("power", "winner", "votes"),
    [(0.5, 1, {0: 2.0, 1: 4.146264}), (3.0, 0, {0: 64.0, 1: 36.0}), (0.0, 1, {0: 1.0, 1: 3.0})],
)
def test_borda(solutions: MakeTree, power: float, winner: int, votes: dict[int, float]) -> None:
    """Reference 1.6: S = [.9, .5, .4, .3], answers A, B, B, B; p = 0 is the plain majority."""
    choice = borda(power)(solutions(list("ABBB"), [0.9, 0.5, 0.4, 0.3]))
    assert choice.winner == winner
    assert choice.votes == pytest.approx(votes, abs=1e-6)


def test_borda_counts_ranks_not_scores(solutions: MakeTree) -> None:
    """Any range will do, order is all: the best-ranked solution of the winning answer is returned."""
    plain = borda(1.0)(solutions(list("ABBA"), [0.9, 0.2, 0.3, 0.1]))
    assert plain == borda(1.0)(solutions(list("ABBA"), [900.0, -1.0, 0.0, -700.0]))
    assert plain.votes == {0: 5.0, 1: 5.0}
    assert plain.tie
    assert borda(0.5)(solutions(list("ABBA"), [0.9, 0.2, 0.3, 0.1])).winner == 2


def test_who_does_not_vote_is_ranked_in_borda_all_the_same(solutions: MakeTree) -> None:
    """Reference 1.6: r = 1..N, None does not vote. A missing score has no rank."""
    choice = borda(1.0)(solutions(["A", None, "B", "B"], [0.4, 0.2, 0.3, None]))
    assert choice.votes == {0: 3.0, 1: 2.0}


def test_equal_scores_rank_by_index_in_borda(solutions: MakeTree) -> None:
    assert borda(1.0)(solutions(["A", "B"], [0.5, 0.5])).votes == {0: 2.0, 1: 1.0}
