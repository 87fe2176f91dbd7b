"""A search as a tool: langchain's standard tests, artifacts, events, budgets, failures."""

from typing import Any

import pytest
from langchain_core.messages import HumanMessage, ToolMessage
from langchain_core.tools import BaseTool
from langchain_tests.unit_tests import ToolsUnitTests

from its_graph import Budget, SearchContext
from its_graph.agents.search_tool import create_search_tool
from its_graph.agents.testing import ScriptedChatModel, calling
from its_graph.graphs import create_best_of_n
from its_graph.search.events import rebuild
from its_graph.search.tree import Tree
from its_graph.testing import ScriptedGenerator, ToyGenerator, ToyVerifier

QUESTION = "Add 3, 5, 4."


def search(context: SearchContext | None = None) -> BaseTool:
    graph = create_best_of_n(ToyGenerator(), ToyVerifier(), n=4)
    return create_search_tool(graph, name="think", description="Think hard about a sum.", context=context)


class TestStandard(ToolsUnitTests):
    @property
    def tool_constructor(self) -> BaseTool:
        return search(SearchContext(seed=7))

    @property
    def tool_invoke_params_example(self) -> dict[str, Any]:
        return {"question": QUESTION}


async def test_the_answer_is_the_content_and_the_record_the_artifact() -> None:
    call = {"name": "think", "args": {"question": QUESTION}, "id": "1", "type": "tool_call"}
    said = search(SearchContext(seed=7)).invoke(call)
    assert isinstance(said, ToolMessage)
    assert said.text.endswith(r"\boxed{12}")
    assert said.artifact["answer"] == "12"
    assert len(said.artifact["candidates"]) == 4
    assert said.artifact["spend"]["calls"] > 4
    again = await search(SearchContext(seed=7)).ainvoke(call)
    assert (again.text, again.artifact["candidates"]) == (said.text, said.artifact["candidates"])
    assert set(search().get_input_jsonschema()["properties"]) == {"question"}


def test_a_budget_holds_for_each_call() -> None:
    tool = search(SearchContext(seed=7, budget=Budget(calls=4)))
    call = {"name": "think", "args": {"question": QUESTION}, "id": "1", "type": "tool_call"}
    first, second = (tool.invoke(call).artifact for _ in range(2))
    assert 2 <= first["spend"]["calls"] <= 4
    assert first == second | {"spend": first["spend"]}


def test_a_search_that_fails_is_a_message_to_the_agent() -> None:
    def fails(request: Any) -> str:
        raise RuntimeError("no model")

    graph = create_best_of_n(ScriptedGenerator(fails), ToyVerifier(), n=2)
    tool = create_search_tool(graph, name="think", description="Think.")
    said = tool.invoke({"name": "think", "args": {"question": QUESTION}, "id": "1", "type": "tool_call"})
    assert said.status == "error"
    assert "All samples failed" in said.text
    empty = tool.invoke({"name": "think", "args": {"question": " "}, "id": "1", "type": "tool_call"})
    assert empty.status == "error"


async def test_an_agent_calls_it_and_its_events_are_streamed() -> None:
    pytest.importorskip("langchain")
    from langchain.agents import create_agent

    def script(messages: list[Any], number: int) -> Any:
        return messages[-1].text if isinstance(messages[-1], ToolMessage) else calling("think", question=QUESTION)

    agent: Any = create_agent(ScriptedChatModel(script=script), [search(SearchContext(seed=7))])
    task = {"messages": [HumanMessage(QUESTION)]}
    parts = [part async for part in agent.astream(task, stream_mode=["custom", "values"], subgraphs=True, version="v2")]
    events = [part["data"] for part in parts if part["type"] == "custom"]
    assert events[0]["type"] == "its.search_started"
    assert len(Tree.of(rebuild(events)).finalists) == 4
    [told] = [m for m in parts[-1]["data"]["messages"] if isinstance(m, ToolMessage)]
    assert told.artifact["answer"] == "12"
    assert all(part["ns"][0].startswith("tools:") for part in parts if part["type"] == "custom")
