"""Chains of attempts and the choice over them: docs/reference/algorithms.md 4.3."""

from collections.abc import Sequence
from typing import Any

import pytest

from its_graph.nodes.revision.chains import chain_ends, chains, hierarchical, latest_attempts, ratio_grid
from its_graph.nodes.rules.choice import majority, weighted
from its_graph.search.tree import Tree

Row = tuple[str | None, float | None, list[str]]


def tree_of(rows: Sequence[Row], auxiliary: Sequence[int] = ()) -> Tree:
    """Return a tree of attempts: answer, score, and the ids of what each was shown."""
    steps: dict[str, Any] = {}
    scores: dict[str, Any] = {}
    for index, (said, score, sources) in enumerate(rows):
        text = f"attempt {index}" + (rf" \boxed{{{said}}}" if said else "")
        steps[str(index)] = {"parent": None, "text": text, "tokens": 1, "finish": "end", "confidence": None}
        steps[str(index)] |= {"sources": sources} if sources else {}
        steps[str(index)] |= {"auxiliary": "critique"} if index in auxiliary else {}
        scores[str(index)] = {"step": str(index), "value": score, "steps": [], "tokens": 0}
    return Tree.of({"steps": steps, "scores": scores})


def grid(*columns: list[tuple[str, float | None]]) -> Tree:
    """Return a tree of chains that grew in parallel: (answer, score) of each attempt."""
    rows: list[Row] = []
    for depth in range(max(map(len, columns))):
        for place, column in enumerate(columns):
            earlier = [str(place + len(columns) * one) for one in range(depth)]
            rows.append((*column[depth], earlier[-4:]))
    return tree_of(rows)


def test_a_chain_follows_the_last_attempt_that_was_shown() -> None:
    tree = tree_of([("A", 1, []), ("A", 1, []), ("A", 1, ["1"]), ("A", 1, ["0"]), ("A", 1, ["1", "2"]), ("A", 1, [])])
    assert chains(tree) == [["0", "3"], ["1", "2", "4"], ["5"]]
    assert chain_ends(tree) == ["3", "4", "5"]
    assert chains(Tree.of({})) == []


def test_a_critique_leads_from_attempt_to_attempt_and_is_none() -> None:
    tree = tree_of([("A", 1, []), (None, None, ["0"]), ("B", 1, ["0", "1"])], auxiliary=[1])
    assert chains(tree) == [["0", "2"]]


def test_the_last_four_attempts_are_shown_oldest_first() -> None:
    """Reference 4.3: after 6 attempts the prompt holds attempts 3..6."""
    assert latest_attempts(1)(grid([("A", 0.5)] * 6)) == [["2", "3", "4", "5"]]
    assert latest_attempts(1, shown=2)(grid([("A", 0.5)] * 6)) == [["4", "5"]]
    assert latest_attempts(2)(grid([("A", 0.5)] * 2, [("B", 0.5)] * 2)) == [["0", "2"], ["1", "3"]]


def test_chains_that_never_began_are_begun() -> None:
    assert latest_attempts(3)(tree_of([("A", 1, [])])) == [["0"], [], []]


def test_an_earlier_attempt_wins_by_its_score() -> None:
    """Reference 4.3: chain scores [.9, .4] -> returns attempt 1."""
    assert hierarchical()(grid([("A", 0.9), ("B", 0.4)])).winner == 0
    assert hierarchical()(grid([("A", 0.9), ("A", 0.4)])).winner == 0


def test_a_chain_speaks_with_one_voice_and_the_score_of_its_best() -> None:
    """The first chain says B (.4 + .4 against A's .7) and represents it with .4: A wins by the second alone."""
    tree = grid([("A", 0.7), ("B", 0.4), ("B", 0.4)], [("C", 0.1), ("A", 0.6), ("C", 0.1)])
    choice = hierarchical()(tree)
    assert choice.winner == 3
    assert choice.votes == {tree.answer_classes[0]: pytest.approx(0.6), tree.answer_classes[2]: pytest.approx(0.4)}


@pytest.mark.parametrize(
    ("columns", "nested", "pooled", "plain"),
    [
        # One chain answers A five times at .3; two others answer B once each at .5 and then stop.
        (([("A", 0.3)] * 5, [("B", 0.5)] + [(None, 0.1)] * 4, [("B", 0.5)] + [(None, 0.1)] * 4), "B", "A", "A"),
        # Inside each chain the weighted vote beats the single best score.
        (([("A", 0.7), ("B", 0.4), ("B", 0.4)],), "B", "B", "B"),
    ],
)
def test_hierarchical_pooled_and_majority(columns: Any, nested: str, pooled: str, plain: str) -> None:
    """Reference 4.3: hierarchical goes chain by chain; majority pools all answers of all chains at once."""
    tree = grid(*columns)
    for rule, said in ((hierarchical(), nested), (weighted(), pooled), (majority, plain)):
        winner = rule(tree).winner
        assert winner is not None
        assert tree.finalists[winner].answer == said


def test_equal_answers_of_chains_add_up() -> None:
    tree = grid([("A", 0.5)], [("A", 0.4)], [("B", 0.8)])
    choice = hierarchical()(tree)
    assert choice.winner == 0
    assert choice.votes == {0: pytest.approx(0.9), 1: pytest.approx(0.8)}


def test_ties_are_told_among_chains_and_inside_the_winning_one() -> None:
    assert hierarchical()(grid([("A", 0.5)], [("B", 0.5)])).tie
    assert hierarchical()(grid([("A", 0.5), ("B", 0.5)], [("C", 0.1), ("C", 0.1)])).tie
    assert not hierarchical()(grid([("A", 0.9), ("A", 0.5)], [("C", 0.1), ("D", 0.1)])).tie


def test_without_scores_the_vote_decides_inside_and_among() -> None:
    tree = grid([("A", None), ("B", None), ("B", None)], [("B", None), ("C", None), ("C", None)], [("B", None)] * 3)
    choice = hierarchical()(tree)
    assert choice.winner is not None
    assert tree.finalists[choice.winner].answer == "B"
    assert choice.notes == ("No candidate that may vote has a score: the vote decided.",)


def test_unbounded_scores_are_squashed() -> None:
    tree = grid([("A", -1.0)], [("A", -1.0)], [("B", -0.5)])
    assert hierarchical("real")(tree).winner == 0


def test_nothing_to_choose_from() -> None:
    assert hierarchical()(Tree.of({})).winner is None


def ratios(n: int) -> set[str]:
    """Return the grid in lowest terms, as the paper writes it."""
    return {f"{length // min(length, count)}:{count // min(length, count)}" for length, count in ratio_grid(n)}


@pytest.mark.parametrize(
    ("n", "table"),
    [
        (1, "1:1"),
        (2, "1:2, 2:1"),
        (4, "1:4, 1:1, 4:1"),
        (8, "1:8, 1:2, 2:1, 8:1"),
        (16, "1:16, 1:4, 1:1, 4:1, 16:1"),
        (32, "1:32, 1:8, 1:2, 2:1, 8:1, 32:1"),
        (64, "1:64, 1:16, 1:4, 1:1, 4:1, 16:1, 64:1"),
        (128, "1:128, 1:32, 1:8, 1:2, 2:1, 8:1, 32:1, 128:1"),
        (256, "1:256, 1:16, 1:1, 16:1, 256:1"),
    ],
)
def test_the_grid_is_the_papers(n: int, table: str) -> None:
    """Reference 4.3: the table of ratios, and s*p = N for each entry."""
    assert all(length * count == n for length, count in ratio_grid(n))
    assert ratios(n) == set(table.split(", "))
    assert ratio_grid(n) == sorted(ratio_grid(n))


def test_any_other_number_has_all_its_splits() -> None:
    assert ratio_grid(6) == [(1, 6), (2, 3), (3, 2), (6, 1)]
