"""Populations: which members remain, which are drawn, which are the newest. docs/reference/algorithms.md 4.4."""

from typing import Any

import pytest

from its_graph.nodes.revision.population import (
    latest_generation,
    population,
    random_member,
    random_members,
    solutions,
    usable_members,
)
from its_graph.search.tree import Tree


def tree_of(finish: str, frontier: list[str] | None = None, seed: int = 0, **records: Any) -> Tree:
    """Return a tree of solutions by their finish: `e` end, `l` length, `-` a sample that failed, `s` a summary."""
    reasons = {"e": "end", "s": "end", "l": "length"}
    steps: dict[str, Any] = {}
    failures: dict[str, Any] = {}
    for index, letter in enumerate(finish):
        if letter == "-":
            failures[str(index)] = {"parent": None, "reason": "bad reply"}
            continue
        step = {"parent": None, "text": rf"\boxed{{{index}}}", "tokens": 1, "finish": reasons[letter]}
        steps[str(index)] = step | ({"auxiliary": "summary"} if letter == "s" else {}) | records.get(f"at_{index}", {})
    return Tree.of({"steps": steps, "failures": failures, "frontier": frontier or [], "settings": {"seed": seed}})


def test_asides_are_no_solutions() -> None:
    assert solutions(tree_of("esl")) == ["0", "2"]


def test_cut_off_ones_live_only_where_nobody_else_does() -> None:
    assert usable_members(tree_of("ele"), ["0", "1", "2"]) == ["0", "2"]
    assert usable_members(tree_of("lll"), ["0", "2"]) == ["0", "2"]
    assert usable_members(tree_of("e"), []) == []


@pytest.mark.parametrize(
    ("finish", "alive"),
    [
        ("", ""),
        ("eee", "012"),
        ("e-e", "02"),
        ("eeeeee", "345"),
        ("eeee-e", "315"),
        ("eeeele", "315"),
        ("e-eeee", "345"),
        ("eeee", "312"),
        ("eee---", "012"),
        ("lll", "012"),
        ("lellll", "1"),
        ("eeeeee-ee", "378"),
    ],
)
def test_the_newest_living_member_of_each_place_stays(finish: str, alive: str) -> None:
    """A new member that fails, is truncated or exceeds the budget leaves the previous one in its slot, of three."""
    assert population(3)(tree_of(finish)) == list(alive)


def test_k_different_members_are_drawn_for_each_new_one() -> None:
    """Reference 4.4: K members distinct, drawn by the seeded RNG."""
    frontier = [str(key) for key in range(8)]
    groups = [random_members(8, 4)(tree_of("e" * 8, frontier, seed)) for seed in (1, 1, 2)]
    assert groups[0] == groups[1] != groups[2]
    assert all(len(set(group)) == 4 and set(group) <= set(frontier) for group in groups[0])
    assert len(groups[0]) == 8
    assert len({tuple(group) for group in groups[0]}) > 1


def test_every_round_draws_anew() -> None:
    frontier = ["0", "1", "2", "3"]
    first, second = (random_members(4, 2)(tree_of("e" * n, frontier)) for n in (4, 8))
    assert first != second


def test_every_member_is_drawn_about_as_often() -> None:
    frontier = ["0", "1", "2", "3"]
    groups = (random_members(4, 2)(tree_of("eeee", frontier, seed)) for seed in range(200))
    drawn = [one for round_of in groups for group in round_of for one in group]
    assert all(340 <= drawn.count(step) <= 460 for step in frontier)  # 400 expected, with a deviation of 14


def test_where_fewer_live_all_are_shown_and_where_none_does_the_question_alone() -> None:
    assert [set(group) for group in random_members(3, 4)(tree_of("ee", ["0", "1"]))] == [{"0", "1"}] * 3
    assert random_members(2, 4)(tree_of("--")) == [[], []]


def test_any_member_is_one_of_the_last_population_by_the_seed() -> None:
    chosen = [random_member(tree_of("eeee", ["2", "3"], seed)).winner for seed in range(40)]
    assert set(chosen) == {2, 3}
    assert random_member(tree_of("eeee", ["2", "3"], 7)) == random_member(tree_of("eeee", ["2", "3"], 7))
    assert random_member(tree_of("ee")).winner is None


@pytest.mark.parametrize(
    ("sources", "newest"),
    [
        ([None, None], ["0", "1"]),
        ([None, None, ["s"], ["s"]], ["2", "3"]),
        ([None, ["s"], ["s"], ["t"]], ["3"]),
        ([], []),
    ],
)
def test_a_generation_is_what_was_written_from_the_same(sources: list[Any], newest: list[str]) -> None:
    records: dict[str, Any] = {f"at_{index}": {"sources": shown} for index, shown in enumerate(sources) if shown}
    assert latest_generation(tree_of("e" * len(sources), **records)) == newest
