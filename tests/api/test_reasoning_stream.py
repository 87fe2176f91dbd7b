"""What a search emits as reasoning."""

from typing import Any

from its_graph.api.reasoning_stream import ReasoningStream


def added(id: str, text: str, finish: str = "stop_string", parent: str | None = None, **more: Any) -> dict[str, Any]:
    step = {"parent": parent, "text": text, "tokens": 1, "finish": finish, "confidence": None, **more}
    return {"type": "its.step_added", "id": id, "step": step}


def selected(*frontier: str) -> dict[str, Any]:
    return {"type": "its.selected", "frontier": list(frontier)}


def reasoning(*events: dict[str, Any]) -> list[str]:
    stream = ReasoningStream()
    return [text for event in events if (text := stream.text_of(event))]


def test_a_step_is_emitted_once_when_it_is_selected() -> None:
    assert reasoning(
        added("0", "one\n\n"),
        added("1", "two\n\n"),
        selected("1", "1"),
        added("2", "end", "end", "1"),
        selected("1", "2"),
    ) == ["two\n", "end\n"]


def test_a_whole_solution_is_emitted_as_its_answer() -> None:
    assert reasoning(added("0", r"so \boxed{4}", "end"), added("1", "hm", "end"), selected("0", "1")) == [
        "Solution 0: 4\n",
        "Solution 1: no answer\n",
    ]


def test_truncated_and_auxiliary_text_is_not_emitted() -> None:
    assert reasoning(added("0", r"\boxed{4}", "length"), added("1", r"\boxed{4}", "end", auxiliary="rollout")) == []
    assert reasoning({"type": "its.charged", "id": "0"}, selected("7")) == []
