"""The rows of a seeded search in the toy world, as plain text."""

from typing import Any

import pytest

from its_graph import SearchContext, create
from its_graph.search.events import rebuild
from its_graph.search.tree import Tree
from its_graph.search.tree_rows import TreeRows
from its_graph.testing import ToyGenerator, ToyVerifier

ROOMY = r"""
├─ ★ 0.90 3 + 5 = 8
│  ├─ ★ 0.90 8 + 4 = 12
│  │  ├─ ● 0.10 12 + 7 = 23
│  │  │  └─ ✓ 0.10 → 23 x3 \boxed{23}
│  │  ├─ ★ 0.90 12 + 7 = 19
│  │  │  ├─ ★ 0.90 → 19 \boxed{19}
│  │  │  └─ ✓ 0.90 → 19 x2 \boxed{19}
│  │  └─ ✗ 0.90 12 + 7 = 19
│  ├─ ✗ 0.90 8 + 4 = 12
│  └─ ✗ 0.10 8 + 4 = 20
│     └─ ✗ 0.10 x3 20 + 7 = 27
├─ ✗ 0.90 x4 3 + 5 = 8
└─ ✗ 0.10 3 + 5 = 12
   └─ ✗ 0.10 x3 12 + 4 = 16
"""

CUT_FOLDED = r"""
├─ ★ 0.90 3 + 5 = 8
│  ├─ ★ 0.90 8 + 4 = 12
│  │  ├─ ● 0.10 12 + 7 = 23
│  │  │  └─ ✓ 0.10 → 23 x3 \boxed{23}
│  │  ├─ ★ 0.90 12 + 7 = 19
│  │  │  ├─ ★ 0.90 → 19 \boxed{19}
│  │  │  └─ ✓ 0.90 → 19 x2 \boxed{19}
│  │  └─ … 1 cut
│  └─ … 2 cut
└─ … 5 cut
"""

RUNS_FOLDED = r"""
├─ ★ 0.90 2 steps 8 + 4 = 12  (… 2 cut)
│  ├─ ★ 0.90 12 + 7 = 19
│  │  ├─ ★ 0.90 → 19 \boxed{19}
│  │  └─ ✓ 0.90 → 19 x2 \boxed{19}
│  ├─ ● 0.10 12 + 7 = 23
│  │  └─ ✓ 0.10 → 23 x3 \boxed{23}
│  └─ … 1 cut
└─ … 5 cut
"""

CROPPED = r"""
├─ ★ 0.90 2 steps 8 + 4 = 12  (… 2 cut)
│  ├─ ★ 0.90 12 + 7 = 19
│  │  ├─ ★ 0.90 → 19 \boxed{19}
… 5 more rows
"""

HALF_WAY = r"""
├─ ● 0.90 3 + 5 = 8
│  ├─ ○ 0.90 x2 8 + 4 = 12
│  └─ ○ 0.10 8 + 4 = 20
├─ ✗ 0.90 x4 3 + 5 = 8
└─ ● 0.10 3 + 5 = 12
   └─ ○ 0.10 x3 12 + 4 = 16
"""


@pytest.fixture(scope="module")
def events() -> list[dict[str, Any]]:
    graph = create("beam_search", ToyGenerator(), ToyVerifier(), n=6, width=2).compile()
    stream = graph.stream(
        {"problem": "Add 3, 5, 4, 7."}, context=SearchContext(seed=7), stream_mode="custom", version="v2"
    )
    return [part["data"] for part in stream]


def drawn(rows: TreeRows, height: int, width: int = 80) -> str:
    plain = [str(row).replace("\N{MULTIPLICATION SIGN}", "x") for row in rows.fit(width, height)]
    assert len(plain) <= height
    return "\n" + "\n".join(plain) + "\n"


@pytest.mark.parametrize(("height", "expected"), [(14, ROOMY), (13, CUT_FOLDED), (9, RUNS_FOLDED), (4, CROPPED)])
def test_the_tree_folds_until_it_fits(events: list[dict[str, Any]], height: int, expected: str) -> None:
    state = rebuild(events)
    winner = state["result"]["candidates"][0]["id"]
    assert drawn(TreeRows(Tree.of(state), winner=winner, over=True), height) == expected


def test_a_tree_too_deep_for_the_width_is_folded_too(events: list[dict[str, Any]]) -> None:
    state = rebuild(events)
    winner = state["result"]["candidates"][0]["id"]
    assert drawn(TreeRows(Tree.of(state), winner=winner, over=True), 14, width=16) == RUNS_FOLDED


def test_steps_not_selected_yet_are_waiting(events: list[dict[str, Any]]) -> None:
    selections = [index for index, event in enumerate(events) if event["type"] == "its.selected"]
    assert drawn(TreeRows(Tree.of(rebuild(events[: selections[1]]))), 50) == HALF_WAY


def test_some_path_is_alive_at_every_moment(events: list[dict[str, Any]]) -> None:
    for end in range(2, len(events) + 1):
        tree = Tree.of(rebuild(events[:end]))
        roles = {TreeRows(tree).role(step) for step in tree.steps}
        assert roles & {"kept", "waiting", "finished"}


def test_a_text_of_many_lines_takes_one_row_without_markup_or_control_codes() -> None:
    step = {
        "parent": None,
        "text": "a\n\n[red]b[/x]\x1b[31m\tc",
        "tokens": 1,
        "finish": "stop_string",
        "confidence": None,
    }
    (row,) = TreeRows(Tree.of({"steps": {"0": step}})).fit(80, 20)
    assert str(row) == "└─ ○  --  a [red]b[/x][31m c"
