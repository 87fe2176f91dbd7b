"""A search as a node of a conversation: earlier messages reach the model, and only the answer comes out."""

from typing import Any

import pytest
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage, ToolMessage
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, MessagesState, StateGraph

from its_graph import Generator, SearchContext, create
from its_graph.agents.testing import ScriptedChatModel, calling
from its_graph.testing import ScriptedGenerator, ToyGenerator, ToyVerifier

PICTURE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}


def parent(search: Any, **options: Any) -> Any:
    graph = StateGraph(MessagesState, context_schema=SearchContext)
    graph.add_node("think", search.compile(name="think"))
    graph.add_edge(START, "think")
    graph.add_edge("think", END)
    return graph.compile(**options)


def ask(said: list[BaseMessage], context: SearchContext | None = None) -> tuple[list[Any], dict[str, Any]]:
    """Return what the generator was asked, and the parent's output."""
    generator = ScriptedGenerator(lambda request: "The answer is 4.")
    output = parent(create("self_consistency", generator, n=2)).invoke(
        {"messages": said}, context=context or SearchContext(seed=1)
    )
    return list(generator.requests[0].messages), output


def test_tools_in_the_history_are_passed_on() -> None:
    history = [
        SystemMessage("Be brief."),
        HumanMessage("What is 2 + 2?"),
        calling("add", a=2, b=2),
        ToolMessage("4", tool_call_id="call_add", name="add"),
    ]
    asked, output = ask([*history, HumanMessage("And in words?")])
    assert [message["role"] for message in asked] == ["system", "user", "assistant", "tool", "user"]
    assert asked[2]["tool_calls"][0]["function"]["name"] == "add"
    assert (asked[3]["content"], asked[3]["tool_call_id"]) == ("4", "call_add")
    assert [type(message).__name__ for message in output["messages"][-2:]] == ["HumanMessage", "AIMessage"]


def test_pictures_are_passed_on() -> None:
    asked, _ = ask([HumanMessage([{"type": "text", "text": "What is this?"}, PICTURE])])
    assert asked[-1]["content"][1] == PICTURE


def test_the_system_prompt_of_the_settings_joins_the_conversations_own() -> None:
    asked, _ = ask([SystemMessage("Be brief."), HumanMessage("2 + 2?")], SearchContext(seed=1, system="Think."))
    assert [message["role"] for message in asked] == ["system", "user"]
    assert asked[0]["content"] == "Think.\n\nBe brief."


def test_a_chat_model_gets_the_same_conversation() -> None:
    model = ScriptedChatModel(script=lambda messages, number: "The answer is 4.")
    history = [HumanMessage("2 + 2?"), calling("add", a=2, b=2), ToolMessage("4", tool_call_id="call_add")]
    search = create("self_consistency", Generator.from_chat_model(model), n=2)
    parent(search).invoke({"messages": [*history, HumanMessage("Sure?")]})
    said = model.calls[0]
    assert [type(message).__name__ for message in said] == ["HumanMessage", "AIMessage", "ToolMessage", "HumanMessage"]
    assert isinstance(said[1], AIMessage)
    assert said[1].tool_calls[0]["args"] == {"a": 2, "b": 2}


@pytest.mark.parametrize("name", ["best_of_n", "beam_search"])
async def test_a_thread_of_two_questions(name: str) -> None:
    options = {"width": 2} if name == "beam_search" else {}
    search = create(name, ToyGenerator(), ToyVerifier(), n=4, **options)
    graph = parent(search, checkpointer=InMemorySaver())
    thread = {"configurable": {"thread_id": "1"}}
    answers = []
    for question in ("Add 3, 5, 4.", "Add 1, 1."):
        output = await graph.ainvoke({"messages": [HumanMessage(question)]}, thread, context=SearchContext(seed=7))
        answers.append(output["messages"][-1].response_metadata["its"]["answer"])
    assert answers == ["12", "2"]
    assert [type(message).__name__ for message in output["messages"]] == ["HumanMessage", "AIMessage"] * 2
