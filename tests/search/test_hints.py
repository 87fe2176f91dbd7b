"""Hints are at the end of the last user message, and the question itself does not change."""

from typing import Any

import pytest

from its_graph.search.hints import with_hints, without_hints
from its_graph.search.tree import Tree

USER = {"role": "user", "content": "Why?"}
SYSTEM = {"role": "system", "content": "Be brief."}
REPLY = {"role": "assistant", "content": "Because."}
HINTED = "Why?\n\nHint: Think.\n\nHint: Twice."


@pytest.mark.parametrize(
    ("question", "hinted"),
    [
        ([USER], [{"role": "user", "content": HINTED}]),
        ([SYSTEM, USER, REPLY], [SYSTEM, {"role": "user", "content": HINTED}, REPLY]),
        ([USER, REPLY, USER], [USER, REPLY, {"role": "user", "content": HINTED}]),
        ([SYSTEM], [SYSTEM, {"role": "user", "content": "Hint: Think.\n\nHint: Twice."}]),
        (
            [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}],
            [
                {
                    "role": "user",
                    "content": [
                        {"type": "image_url", "image_url": {"url": "x"}},
                        {"type": "text", "text": "\n\nHint: Think.\n\nHint: Twice."},
                    ],
                }
            ],
        ),
    ],
)
def test_hints_follow_the_last_user_message(question: list[dict[str, Any]], hinted: list[dict[str, Any]]) -> None:
    before = [dict(message) for message in question]
    assert with_hints(question, ["Think.", "Twice."]) == hinted
    assert question == before
    assert with_hints(question, []) is question


def test_the_question_of_a_tree_includes_hints() -> None:
    human_edits: dict[str, Any] = {
        str(key): {"prune": [], "boost": [], "edits": {}, "hint": hint, "stop": False}
        for key, hint in enumerate(("Think.", None, "Twice."))
    }
    steps = {"0": {"parent": None, "text": "a", "tokens": 1, "finish": "end", "confidence": None}}
    tree = Tree.of({"question": [USER], "human_edits": human_edits, "steps": steps})
    assert tree.question == list(tree.candidate("0").messages) == [{"role": "user", "content": HINTED}]


def test_hints_can_be_removed() -> None:
    assert without_hints(HINTED) == without_hints("Why?") == "Why?"


def test_a_hint_is_one_paragraph_so_that_it_can_be_removed_whole() -> None:
    (hinted,) = with_hints([USER], ["Think.\n \n\nThen think.", "Twice."])
    assert hinted["content"] == "Why?\n\nHint: Think.\nThen think.\n\nHint: Twice."
    assert without_hints(hinted["content"]) == "Why?"


def test_text_of_the_question_after_a_hint_is_kept() -> None:
    original = "Add 1, 2.\n\nHint: slowly.\n\nThen double it."
    (hinted,) = with_hints([USER | {"content": original}], ["Think."])
    assert without_hints(original) == without_hints(hinted["content"]) == original
