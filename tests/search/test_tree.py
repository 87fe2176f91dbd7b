"""The view of a search: its text, and that it never changes."""

from copy import deepcopy
from typing import Any

import pytest

from its_graph import SearchContext, Tree, create
from its_graph.search.events import rebuild
from its_graph.testing import ToyGenerator, ToyVerifier

QUESTION = {"problem": "Add 3, 5, 4, 7."}


@pytest.fixture(scope="module")
def state() -> dict[str, Any]:
    graph = create("beam_search", ToyGenerator(), ToyVerifier(), n=6, width=2).compile()
    *_, values = graph.stream(QUESTION, context=SearchContext(seed=7), stream_mode="values")
    return dict(values)


def test_repr_says_what_was_searched_and_what_it_cost(state: dict[str, Any]) -> None:
    tree, spend = Tree(state), state["result"]["spend"]
    tokens = spend["prompt_tokens"] + spend["generated_tokens"] + spend["verifier_tokens"]
    assert repr(tree) == (
        f"Tree(strategy='beam_search', steps={len(state['steps'])}, complete={len(tree.complete)}, "
        f"calls={spend['calls']}, tokens={tokens})"
    )
    assert repr(Tree({})) == "Tree(strategy='', steps=0, complete=0, calls=0, tokens=0)"


def test_pretty_draws_every_step(state: dict[str, Any]) -> None:
    lines = Tree(state).pretty().replace("\N{MULTIPLICATION SIGN}", "x").splitlines()
    assert lines[:5] == [
        "├─ ★ 0.90 3 + 5 = 8",
        "│  ├─ ★ 0.90 8 + 4 = 12",
        "│  │  ├─ ● 0.10 12 + 7 = 23",
        r"│  │  │  └─ ✓ 0.10 → 23 x3 \boxed{23}",
        "│  │  ├─ ★ 0.90 12 + 7 = 19",
    ]
    assert len(lines) == 14


def test_pretty_fits_the_height_and_the_width(state: dict[str, Any]) -> None:
    lines = Tree(state).pretty(width=20, height=4).splitlines()
    assert len(lines) == 4
    assert all(len(line) <= 20 for line in lines)
    assert lines[0].endswith("…")
    assert lines[-1] == "… 5 more rows"


def test_pretty_is_the_same_from_the_events(state: dict[str, Any]) -> None:
    graph = create("beam_search", ToyGenerator(), ToyVerifier(), n=6, width=2).compile()
    events = list(graph.stream(QUESTION, context=SearchContext(seed=7), stream_mode="custom"))
    assert Tree(rebuild(events)).pretty() == Tree(state).pretty()


def test_the_winner_is_known_once_the_search_has_answered(state: dict[str, Any]) -> None:
    tree = Tree(state)
    assert tree.winner is not None
    assert tree.text(tree.winner) == state["result"]["text"]
    assert Tree(state | {"result": {}}).winner is None


def test_another_frontier_is_another_view(state: dict[str, Any]) -> None:
    open_steps = [key for key, step in state["steps"].items() if step["finish"] == "stop_string"]
    tree = Tree(state | {"frontier": open_steps[:1]})
    before = tree.finalists, tree.answer_classes
    other = tree.with_frontier(open_steps[:3])
    assert (tree.frontier, other.frontier) == (open_steps[:1], open_steps[:3])
    assert (tree.finalists, tree.answer_classes) == before
    assert other.finalists == Tree(state | {"frontier": open_steps[:3]}).finalists
    assert len(other.finalists) == len(tree.finalists) + 2


def test_a_view_of_a_strategy_leaves_the_state_alone(state: dict[str, Any]) -> None:
    started = state | {"strategy_start": {"record": 3, "charge": 1}}
    before = deepcopy(started)
    own, whole = Tree.for_strategy(started), Tree.of(started)
    assert list(own.steps) == [key for key in whole.steps if int(key) >= 3]
    assert (own.next_id, own.spend) == (whole.next_id, whole.spend)
    assert started == before
