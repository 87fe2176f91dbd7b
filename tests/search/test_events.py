"""Events fold back into the state that they describe."""

from collections import defaultdict
from typing import Any

import pytest

from its_graph import SearchContext, create
from its_graph.embedded import load
from its_graph.search.events import events_of, rebuild

STARTED = {"strategy": "single", "question": [{"role": "user", "content": "?"}], "settings": {"seed": 1}}
STEP = {"parent": None, "text": "x", "tokens": 1, "finish": "end", "confidence": None}
CHARGE = {"node": "generate", "calls": 1}


def events(*updates: dict[str, Any]) -> list[dict[str, Any]]:
    return [event for update in updates for event in events_of(update)]


def test_a_new_search_resets_the_state() -> None:
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


def test_records_are_sorted_by_id() -> None:
    steps = {key: STEP | {"text": key} for key in ("10", "2", "1")}
    assert list(rebuild(events(STARTED, {"steps": steps}))["steps"]) == ["1", "2", "10"]


async def streamed(graph: Any, *, is_async: bool, stream_tokens: bool) -> list[dict[str, Any]]:
    question, context = {"problem": "Compute 3 + 5 * 2"}, SearchContext(seed=1, stream_tokens=stream_tokens)
    wanted: dict[str, Any] = {"stream_mode": "custom", "subgraphs": True, "version": "v2"}
    if is_async:
        return [part["data"] async for part in graph.astream(question, context=context, **wanted)]
    return [part["data"] for part in graph.stream(question, context=context, **wanted)]


@pytest.mark.parametrize("is_async", [False, True])
async def test_tokens_can_come_from_a_backend_thread(is_async: bool) -> None:
    """The embedded models stream from the thread that batches calls."""
    generator, verifier = load()
    graph = create("beam_search", generator, verifier, n=4, width=2).compile()
    plain = await streamed(graph, is_async=is_async, stream_tokens=False)
    events = await streamed(graph, is_async=is_async, stream_tokens=True)
    texts: dict[str, str] = defaultdict(str)
    for event in events:
        if event["type"] == "its.token_added":
            assert event["at"] == len(texts[event["id"]])
            texts[event["id"]] += event["text"]
    steps = rebuild(events)["steps"]
    assert steps == rebuild(plain)["steps"]
    assert events[-1]["answer"] == plain[-1]["answer"] is not None
    assert set(texts) == set(steps)
    assert all(texts[key].startswith(step["text"].rstrip()) for key, step in steps.items())
