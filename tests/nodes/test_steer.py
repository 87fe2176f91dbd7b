"""What steering changes in a search: the records, the frontier, and what is rejected."""

from typing import Any

import pytest

from its_graph.errors import InputError
from its_graph.nodes.rules.steering import Steering
from its_graph.nodes.steer import apply_steering, exit_after_steering
from its_graph.search.state import Update
from its_graph.search.tree import Tree

OPEN, END, CUT = "stop_string", "end", "length"

Row = tuple[str | None, str, str]

ROWS: tuple[Row, ...] = (
    (None, "a\n\n", OPEN),  # 0
    (None, "b\n\n", OPEN),  # 1
    (None, "c\n\n", OPEN),  # 2: cut
    ("0", "d\n\n", OPEN),  # 3
    ("0", "e\n\n", OPEN),  # 4
    ("1", "f\n\n", OPEN),  # 5
    ("1", r"g \boxed{1}", END),  # 6
    ("1", "h and h", CUT),  # 7
    ("0", "e\n\n", OPEN),  # 8: duplicates 4
    ("3", "far", OPEN),  # 9: a rollout
)


def state(*frontier: str, rows: tuple[Row, ...] = ROWS, **more: Any) -> dict[str, Any]:
    steps: dict[str, Any] = {
        str(key): {"parent": parent, "text": text, "tokens": 2, "finish": finish, "confidence": None}
        for key, (parent, text, finish) in enumerate(rows)
    }
    if len(rows) > 9:
        steps["9"]["auxiliary"] = "rollout"
    return {"steps": steps, "frontier": list(frontier), "new_steps": ["3"], "stop_reason": None, **more}


def say(given: dict[str, Any], *, max_steps: int = 9, at_end: Any = lambda tree: tree.frontier, **said: Any) -> Update:
    return apply_steering(given, Steering(**said), separator="\n\n", max_steps=max_steps, at_end=at_end)


FRONTIER = ("3", "3", "4", "4", "5", "5")


def test_approving_is_a_record_and_nothing_else() -> None:
    nothing: dict[str, Any] = {"prune": [], "boost": [], "edits": {}, "hint": None, "stop": False}
    assert say(state(*FRONTIER)) == {"human_edits": {"0": nothing}}
    assert say(state(*FRONTIER, human_edits={"0": nothing})) == {"human_edits": {"1": nothing}}


def test_a_hint_leaves_the_frontier_alone() -> None:
    assert say(state(*FRONTIER), hint="h").keys() == {"human_edits"}


@pytest.mark.parametrize(
    ("said", "frontier"),
    [
        ({"prune": ["3"]}, "4 4 5 5"),
        ({"prune": ["0"]}, "5 5"),
        ({"boost": ["4"]}, "3 3 4 4 4 4 5 5"),
        ({"boost": ["4", "4"]}, "3 3 4 4 4 4 5 5"),
        ({"boost": ["2"]}, "3 3 4 4 5 5 2 2"),
        ({"boost": ["0"]}, "3 3 4 4 5 5 0 0"),
        ({"edits": {"4": "x"}}, "3 3 10 10 5 5"),
        ({"edits": {"0": "x"}}, "10 10 10 10 5 5"),
        ({"edits": {"2": "x"}}, "3 3 4 4 5 5 10 10"),
        ({"edits": {"4": "x"}, "boost": ["4"]}, "3 3 10 10 10 10 5 5"),
        ({"edits": {"2": "x"}, "boost": ["2"]}, "3 3 4 4 5 5 10 10"),
        ({"edits": {"4": "x", "3": "y"}, "prune": ["5"]}, "11 11 10 10"),
        ({"prune": ["3", "4"], "boost": ["5", "2"]}, "5 5 5 5 2 2"),
    ],
)
def test_the_frontier_after_it(said: dict[str, Any], frontier: str) -> None:
    update = say(state(*FRONTIER), **said)
    assert update["frontier"] == frontier.split()
    assert update["new_steps"] == []


def test_the_share_of_one_is_the_mean_of_the_open_paths() -> None:
    assert say(state("3", "3", "3", "4", "6", "6"), boost=["2"])["frontier"] == ["3", "3", "3", "4", "6", "6", "2", "2"]


def test_finished_particles_stay_even_if_the_path_before_them_is_abandoned() -> None:
    assert say(state("5", "6", "3"), prune=["1"])["frontier"] == ["6", "3"]
    assert say(state("5", "6", "3"), edits={"1": "x"})["frontier"] == ["10", "6", "3"]


@pytest.mark.parametrize(
    ("text", "written", "finish"),
    [
        ("x", "x\n\n", OPEN),
        ("x\n", "x\n\n", OPEN),
        ("x\n\n", "x\n\n", OPEN),
        (r"so \boxed{3}", "so \\boxed{3}\n\n", END),
        (r"so \boxed{", "so \\boxed{\n\n", OPEN),
    ],
)
def test_a_written_step_ends_as_the_old_one_did(text: str, written: str, finish: str) -> None:
    step = say(state(*FRONTIER), edits={"4": text})["steps"]["10"]
    assert (step["parent"], step["text"], step["finish"], step["tokens"]) == ("0", written, finish, 0)
    bare = state("0", rows=((None, "a", OPEN),))
    assert say(bare, edits={"0": text})["steps"]["1"]["text"] == text


def test_ids_of_failed_samples_are_not_used_again() -> None:
    failed = {"10": {"parent": None, "reason": "?"}}
    assert list(say(state(*FRONTIER, failures=failed), edits={"3": "x", "4": "y"})["steps"]) == ["11", "12"]


def test_when_stopped_it_keeps_the_final_frontier() -> None:
    assert say(state(*FRONTIER), stop=True) == {
        "human_edits": {"0": {"prune": [], "boost": [], "edits": {}, "hint": None, "stop": True}},
        "stop_reason": "steered",
    }
    stopped = say(state(*FRONTIER), stop=True, at_end=lambda tree: ["2"])
    assert (stopped["frontier"], stopped["new_steps"], stopped["stop_reason"]) == (["2"], [], "steered")


@pytest.mark.parametrize(
    ("said", "problem"),
    [
        ({"prune": ["99"]}, "'99' is not the id of a path"),
        ({"boost": ["9"]}, "'9' is not the id of a path"),
        ({"edits": {"x": "y"}}, "'x' is not the id of a path"),
        ({"prune": ["6"]}, "'6' is a finished solution"),
        ({"boost": ["7"]}, "'7' was cut off"),
        ({"prune": ["2"]}, "'2' was abandoned earlier"),
        ({"prune": ["0"], "boost": ["4"]}, "'4' is below '0'"),
        ({"edits": {"0": "x", "3": "y"}}, "'3' is below '0'"),
        ({"boost": ["8"]}, "'8' duplicates '4'"),
        ({"boost": ["5"]}, "'5' is 2 steps long"),
        ({"edits": {"5": "x"}}, "'5' is 2 steps long"),
    ],
)
def test_what_cannot_be_steered_is_rejected(said: dict[str, Any], problem: str) -> None:
    before: dict[str, Any] = {"0": {"prune": ["2"], "boost": [], "edits": {}, "hint": None, "stop": False}}
    with pytest.raises(InputError, match=problem):
        say(state(*FRONTIER, human_edits=before), max_steps=2 if "long" in problem else 9, **said)


def test_an_equal_path_of_the_frontier_can_be_boosted() -> None:
    assert say(state("4", "8"), boost=["8"])["frontier"] == ["4", "8", "8"]


def test_a_search_is_not_left_with_nothing() -> None:
    unsolved = (*ROWS[:6],)
    for said in ({"prune": ["3", "4", "5"]}, {"prune": ["0", "1"], "stop": True}):
        with pytest.raises(InputError, match="leaves no path"):
            say(state(*FRONTIER, rows=unsolved), **said)
    assert say(state(*FRONTIER), prune=["3", "4", "5"])["frontier"] == []  # solved already
    assert say(state(*FRONTIER, rows=unsolved), prune=["3", "4", "5"], boost=["2"])["frontier"] == ["2", "2"]
    solved = say(state(*FRONTIER, rows=unsolved), prune=["3", "4"], edits={"5": r"\boxed{1}"})
    assert solved["frontier"] == ["6", "6"]
    others = say(state(*FRONTIER, rows=unsolved), prune=["3", "4", "5"], at_end=lambda tree: ["2"])
    assert others["frontier"] == []  # a tree search has other leaves


def exit_of(given: dict[str, Any], update: Update) -> str:
    logs = {log: given.get(log, {}) | update.get(log, {}) for log in ("steps", "human_edits")}
    return exit_after_steering({**given, **update, **logs})  # type: ignore[typeddict-item]


def test_the_exits() -> None:
    solved, unsolved = state(*FRONTIER), state(*FRONTIER, rows=ROWS[:6])
    assert exit_of(solved, say(solved, prune=["3"])) == "more"
    assert exit_of(solved, say(solved, stop=True)) == "enough"
    assert exit_of(unsolved, say(unsolved, stop=True)) == "unfinished"
    assert exit_of(unsolved, say(unsolved, stop=True, edits={"3": "x"})) == "unfinished"
    assert exit_of(unsolved, say(unsolved, stop=True, edits={"3": r"\boxed{1}"})) == "verify"
    assert exit_of(unsolved, say(unsolved, edits={"3": r"\boxed{1}"})) == "more"


# --- what the tree derives from it ------------------------------------------------------------------------------------


def test_the_tree_knows_what_was_abandoned_replaced_and_not_verified_yet() -> None:
    given = state(*FRONTIER)
    update = say(given, prune=["1"], edits={"0": "x", "2": r"\boxed{1}"})
    tree = Tree.of({**given, "steps": given["steps"] | update["steps"], "human_edits": update["human_edits"]})
    assert [step for step in tree.steps if tree.pruned(step)] == ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"]
    assert (tree.root("10"), tree.root("11"), tree.root("3")) == ("0", "2", "0")
    assert tree.unscored_edits == ["10", "11"]
    tree.scores["10"] = {"step": "10", "value": None, "steps": [], "tokens": 0, "error": "?"}
    assert tree.unscored_edits == ["11"]
