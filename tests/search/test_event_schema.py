"""The published schema describes exactly what searches send."""

import json
from pathlib import Path
from typing import Any, get_args

import pytest

import its_graph
from its_graph import SearchContext, create
from its_graph.errors import InputError
from its_graph.search.event_schema import event_schema, parse_event
from its_graph.search.events import Event, rebuild
from its_graph.testing import ToyGenerator, ToyVerifier

QUESTION = {"problem": "Add 3, 5, 4."}


def search(name: str = "beam_search") -> Any:
    return create(name, ToyGenerator(), ToyVerifier(), n=4, **({"width": 2} if name == "beam_search" else {})).compile()


def test_the_published_file_is_up_to_date() -> None:
    """Written by `python -m its_graph.search.event_schema > events.schema.json`; consider EVENT_VERSION."""
    published = json.loads((Path(its_graph.__file__).parent / "search" / "events.schema.json").read_text())
    assert published == event_schema()
    assert len(published["oneOf"]) == len(get_args(Event))


@pytest.mark.parametrize("name", ["beam_search", "best_of_n", "tournament"])
def test_all_events_of_a_search_are_valid(name: str) -> None:
    context = SearchContext(seed=7, stream_tokens=True)
    events = list(search(name).stream(QUESTION, context=context, stream_mode="custom"))
    assert [parse_event(json.loads(json.dumps(event))) for event in events] == events
    assert {"its.search_started", "its.token_added", "its.step_added", "its.answered"} <= {
        event["type"] for event in events
    }


@pytest.mark.parametrize("broken", [{}, {"type": "its.unknown"}, {"type": "its.selected"}, 3])
def test_anything_else_is_refused(broken: Any) -> None:
    with pytest.raises(InputError, match="Not an event of its_graph"):
        parse_event(broken)


async def test_astream_events_receives_them_on_request() -> None:
    context = SearchContext(seed=7, dispatch=True)
    seen = [
        event["data"]
        async for event in search().astream_events(QUESTION, version="v2", context=context)
        if event["event"] == "on_custom_event"
    ]
    direct = [event async for event in search().astream(QUESTION, context=context, stream_mode="custom")]
    assert rebuild(seen)["steps"] == rebuild(direct)["steps"]
    quiet = search().astream_events(QUESTION, version="v2", context=SearchContext(seed=7))
    assert not [event async for event in quiet if event["event"] == "on_custom_event"]


@pytest.mark.filterwarnings("ignore:`get_config_jsonschema`")  # the adapter still asks for it
async def test_ag_ui_receives_them() -> None:
    pytest.importorskip("ag_ui_langgraph", reason="the AG-UI adapter is not installed; the dev extra has it")
    from ag_ui.core import RunAgentInput, UserMessage
    from ag_ui_langgraph import LangGraphAgent
    from langgraph.checkpoint.memory import InMemorySaver

    graph = create("best_of_n", ToyGenerator(), ToyVerifier(), n=4).compile(checkpointer=InMemorySaver())
    agent = LangGraphAgent(
        name="think", graph=graph, config={"configurable": {"its_graph": {"seed": 7, "dispatch": True}}}
    )
    run_input = RunAgentInput(
        thread_id="1",
        run_id="1",
        messages=[UserMessage(id="1", role="user", content="Add 3, 5, 4.")],
        state={},
        tools=[],
        context=[],
        forwarded_props={},
    )
    events = [event async for event in agent.run(run_input)]
    names = [event.name for event in events if event.type == "CUSTOM"]
    assert names.count("its.step_added") == 4
    assert "its.answered" in names
