"""Events fold back into the state they describe."""

from typing import Any

from its_graph.events import events_of, rebuild

STARTED = {"strategy": "single", "question": [{"role": "user", "content": "?"}], "settings": {"seed": 1}}
STEP = {"parent": None, "text": "x", "tokens": 1, "finish": "end", "confidence": None}
CHARGE = {"node": "generate", "calls": 1}


def events(*updates: dict[str, Any]) -> list[dict[str, Any]]:
    return [event for update in updates for event in events_of(update)]


def test_a_search_that_starts_leaves_nothing_of_the_one_before() -> None:
    first = events(
        STARTED | {"strategy": "beam_search"},
        {"steps": {"0": STEP, "1": STEP}, "charges": {"0": CHARGE}},
        {"frontier": ["1"], "stop_reason": "budget"},
        {"answer": "12", "result": {"answer": "12"}},
    )
    second = events(STARTED)
    assert rebuild(first + second) == rebuild(second)
    assert not {"frontier", "stop_reason", "answer", "result", "charges"} & set(rebuild(first + second))
    assert rebuild(second)["strategy"] == "single"


def test_records_come_in_the_order_of_their_ids() -> None:
    steps = {key: STEP | {"text": key} for key in ("10", "2", "1")}
    assert list(rebuild(events(STARTED, {"steps": steps}))["steps"]) == ["1", "2", "10"]
