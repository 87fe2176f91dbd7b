"""When a search asks a person, and what the person may reply."""

from collections.abc import Callable
from typing import Any

import pytest

from its_graph.errors import ConfigurationError, InputError
from its_graph.nodes.rules.steering import APPROVE, Steering, completed_rounds, every, parse_steering, when_uncertain
from its_graph.search.tree import Tree

MakeTree = Callable[..., Tree]
OPEN, END = "stop_string", "end"


def after(number: int) -> Tree:
    charges = [{"node": node} for _ in range(number) for node in ("expand", "verify")]
    return Tree.of({"charges": {str(key): charge for key, charge in enumerate(charges)}})


@pytest.mark.parametrize(("k", "asked"), [(1, [1, 2, 3, 4, 5, 6]), (2, [2, 4, 6]), (3, [3, 6])])
def test_every_kth_round(k: int, asked: list[int]) -> None:
    assert [number for number in range(1, 7) if every(k)(after(number))] == asked
    assert completed_rounds(after(4)) == 4


@pytest.mark.parametrize(
    ("scores", "unsure"),
    [
        ([0.5, 0.1], True),
        ([0.3], True),
        ([0.7], True),
        ([0.29], False),
        ([0.71, 0.5], False),
        ([None, None], True),
        ([None, 0.9], False),
    ],
)
def test_uncertain_is_a_best_score_between_the_thresholds(
    scores: list[float | None], unsure: bool, frontier_of: MakeTree
) -> None:
    tree = frontier_of(*((str(key), None, f"{key}\n\n", score, OPEN) for key, score in enumerate(scores)))
    tree.frontier = list(tree.steps)
    assert when_uncertain(0.3, 0.7)(tree) is unsure


def test_only_open_paths_of_the_frontier_make_a_search_certain(frontier_of: MakeTree) -> None:
    tree = frontier_of(("0", None, "a\n\n", 0.5, OPEN), ("1", None, "b", 0.9, END), ("2", None, "c\n\n", 0.9, OPEN))
    tree.frontier = ["0", "1"]
    assert when_uncertain(0.3, 0.7)(tree)


def test_invalid_rules_are_rejected() -> None:
    with pytest.raises(ConfigurationError, match="k=0"):
        every(0)
    with pytest.raises(ConfigurationError, match=r"low=0\.7, high=0\.3"):
        when_uncertain(0.7, 0.3)
    with pytest.raises(ConfigurationError, match="low=nan"):
        when_uncertain(float("nan"), 0.3)


@pytest.mark.parametrize("reply", [APPROVE, {}, Steering(), Steering().model_dump()])
def test_an_empty_reply_approves(reply: Any) -> None:
    assert parse_steering(reply) == Steering(prune=(), boost=(), edits={}, hint=None, stop=False)


def test_all_fields_can_be_combined() -> None:
    said = {"prune": ["1"], "boost": ["2", "3"], "edits": {"3": "So 2."}, "hint": "Mind the signs.", "stop": True}
    assert parse_steering(said) == parse_steering(parse_steering(said).model_dump()) == Steering.model_validate(said)


@pytest.mark.parametrize(
    ("reply", "problem"),
    [
        ("go on", "Steering"),
        (None, "Steering"),
        (["1"], "Steering"),
        ({"prunes": ["1"]}, "prunes"),
        ({"prune": "1"}, "prune"),
        ({"prune": [1]}, r"prune\.0"),
        ({"edits": {"1": ""}}, "edits: .*empty"),
        ({"hint": "\n"}, "hint: .*empty"),
        ({"prune": ["1", "2"], "boost": ["2"]}, "the reply: .*cannot be boosted or edited: 2"),
        ({"prune": ["1"], "edits": {"1": "x"}}, "cannot be boosted or edited: 1"),
    ],
)
def test_a_bad_reply_is_rejected_with_the_field(reply: Any, problem: str) -> None:
    with pytest.raises(InputError, match=problem):
        parse_steering(reply)
