"""The rules of the workspace: what is written from which text, and how many. For the loop see tests/graphs/test_pdr."""

from typing import Any

import pytest

from its_graph.nodes.revision.workspace import drafts_done, from_latest_workspace, latest_workspace, new_drafts
from its_graph.search.tree import Tree


def tree_of(letters: str, runs: int = 0, new_steps: list[str] | None = None) -> Tree:
    """Return a tree of drafts (`d`, cut off `l`) and workspaces (`w`) after so many runs of the node `draft`."""
    steps: dict[str, Any] = {
        str(index): {"parent": None, "text": letter, "tokens": 1, "finish": "length" if letter == "l" else "end"}
        | ({"auxiliary": "summary"} if letter == "w" else {})
        for index, letter in enumerate(letters)
    }
    charges = {str(key): {"node": "draft"} for key in range(runs)} | {"x": {"node": "summarise"}}
    return Tree.of({"steps": steps, "charges": charges, "new_steps": new_steps or []})


@pytest.mark.parametrize(
    ("letters", "newest"), [("", None), ("dd", None), ("ddw", "2"), ("ddwddw", "5"), ("ddwdd", "2")]
)
def test_the_newest_workspace_counts(letters: str, newest: str | None) -> None:
    assert latest_workspace(tree_of(letters)) == newest


@pytest.mark.parametrize(
    ("letters", "runs", "groups"),
    [("", 0, [[], []]), ("ddw", 1, [["2"], ["2"]]), ("ddwddw", 2, [["5"]]), ("dd", 1, [[], []]), ("ddwdd", 2, [["2"]])],
)
def test_drafts_see_it_alone_and_the_last_one_is_one(letters: str, runs: int, groups: list[list[str]]) -> None:
    assert from_latest_workspace("draft", 2, rounds=2)(tree_of(letters, runs)) == groups


def test_a_workspace_is_made_of_the_drafts_of_its_round_that_live() -> None:
    assert new_drafts(tree_of("ddwdd", new_steps=["3", "4"])) == [["3", "4"]]
    assert new_drafts(tree_of("dl", new_steps=["0", "1"])) == [["0"]]
    assert new_drafts(tree_of("dd")) == []


def test_the_end_is_one_run_after_the_rounds() -> None:
    assert [drafts_done("draft", 2)(tree_of("d", runs)) for runs in (1, 2, 3)] == [None, None, "completed"]
