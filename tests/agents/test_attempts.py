"""An attempt sees what the agent would see as a subgraph, and leaves nothing behind that is not its own."""

from typing import Any

import pytest

pytest.importorskip("langchain")

from langchain.agents import create_agent
from langchain.agents.middleware import AgentMiddleware, HumanInTheLoopMiddleware
from langchain.agents.structured_output import ToolStrategy
from langchain.tools import ToolRuntime
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, RemoveMessage, ToolMessage
from langchain_core.runnables import RunnableConfig, RunnableLambda
from langchain_core.tools import BaseTool, tool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph.message import REMOVE_ALL_MESSAGES
from langgraph.store.memory import InMemoryStore
from pydantic import BaseModel

from its_graph import Candidate
from its_graph.agents.best_of_n import create_agent_best_of_n
from its_graph.agents.selection import by_score
from its_graph.agents.testing import ScriptedChatModel, calling
from its_graph.agents.tool_effects import ToolEffects, mark
from its_graph.errors import ConfigurationError, SearchFailedError
from its_graph.prm.function import FunctionVerifier

TASK: Any = {"messages": [HumanMessage("Do it.")]}
THREAD: Any = {"configurable": {"thread_id": "1"}}


def agent(script: Any, tools: list[BaseTool] | None = None, *middleware: Any, **options: Any) -> Any:
    model = ScriptedChatModel(script=script)
    return create_agent(model, tools or [], middleware=[ToolEffects(), *middleware], **options)


def says(text: str) -> Any:
    return lambda messages, number: text


def call_once(name: str, **args: Any) -> Any:
    """Return a script that calls a tool and then says what it said."""
    return lambda messages, number: (
        messages[-1].text if isinstance(messages[-1], ToolMessage) else calling(name, **args)
    )


class Shaky:
    """Fails while it is told to; else says how much of the conversation it sees, and its last message."""

    fails = False

    def __call__(self, messages: list[BaseMessage], number: int) -> str:
        if self.fails:
            raise ConnectionError("lost")
        return f"{len(messages)} messages, the last {messages[-1].text!r}"


@pytest.mark.parametrize("waves", [1, 2])
def test_a_search_that_failed_leaves_nothing_to_the_next_question(waves: int) -> None:
    model = Shaky()
    search = create_agent_best_of_n(agent(model), n=2, waves=waves).compile(checkpointer=InMemorySaver())
    search.invoke({"messages": [HumanMessage("One?")]}, THREAD)
    model.fails = True
    with pytest.raises(SearchFailedError, match="ConnectionError: lost"):
        search.invoke({"messages": [HumanMessage("Two?")]}, THREAD)
    model.fails = False
    output = search.invoke({"messages": [HumanMessage("Three?")]}, THREAD)
    assert len(output["result"]["candidates"]) == 2 * waves
    assert output["result"]["waves"] == waves
    if waves == 1:
        assert output["messages"][-1].text == "4 messages, the last 'Three?'"


def test_a_wave_in_which_all_fail_is_followed_by_the_next() -> None:
    def script(messages: list[BaseMessage], number: int) -> str:
        if number < 2:
            raise ConnectionError("lost")
        return f"{len(messages)} messages"

    output = create_agent_best_of_n(agent(script), n=2, waves=2).compile().invoke(TASK)
    assert [one["error"] for one in output["result"]["candidates"]] == ["ConnectionError: lost"] * 2 + [None] * 2
    assert output["messages"][-1].text == "1 messages"  # there is no earlier attempt to show


@pytest.mark.parametrize("call", ["invoke", "ainvoke"])
async def test_settings_context_and_store_reach_the_tools(call: str) -> None:
    seen: list[Any] = []

    @tool
    def look(runtime: ToolRuntime[Any, Any]) -> str:
        """Look."""
        config: Any = runtime.config
        seen.append((runtime.context, type(runtime.store), config["configurable"]["user"], config["metadata"]["team"]))
        return "seen"

    tools = [mark(look, "read_only")]
    search = create_agent_best_of_n(agent(call_once("look"), tools), tools, n=2).compile(store=InMemoryStore())
    config: Any = {"configurable": {"user": "me"}, "metadata": {"team": "us"}}
    context: Any = {"city": "Bonn"}
    if call == "invoke":
        search.invoke(TASK, config, context=context)
    else:
        await search.ainvoke(TASK, config, context=context)
    assert seen == [(context, InMemoryStore, "me", "us")] * 2


def test_an_agent_with_checkpoints_of_its_own_writes_none() -> None:
    kept = InMemorySaver()
    search = create_agent_best_of_n(agent(says("Done."), checkpointer=kept), n=2).compile(checkpointer=InMemorySaver())
    assert search.invoke(TASK, THREAD)["messages"][-1].text == "Done."
    assert list(kept.list(None)) == []


def test_an_agent_may_hand_over_its_turn_alone() -> None:
    search = create_agent_best_of_n(RunnableLambda(lambda state: {"messages": [AIMessage("Done.")]}), n=2).compile()
    assert [message.text for message in search.invoke(TASK)["messages"]] == ["Do it.", "Done."]


def test_attempts_share_no_thread() -> None:
    seen: list[Any] = []
    inner = agent(says("Done."), checkpointer=InMemorySaver())

    def run(state: Any, config: RunnableConfig) -> Any:
        seen.append(config["configurable"].get("thread_id"))
        return inner.invoke(state, {"configurable": {"thread_id": str(len(seen))}})

    search = create_agent_best_of_n(RunnableLambda(run), n=2).compile(checkpointer=InMemorySaver())
    search.invoke(TASK, THREAD)
    assert seen == [None, None]
    lost = create_agent_best_of_n(inner.with_retry(), n=2).compile(checkpointer=InMemorySaver())
    with pytest.raises(SearchFailedError, match="thread_id"):
        lost.invoke(TASK, THREAD)


def test_a_search_in_an_attempt_of_another_is_refused() -> None:
    inner = create_agent_best_of_n(agent(says("Done.")), n=2).compile()
    with pytest.raises(ConfigurationError, match="inside an attempt of another"):
        create_agent_best_of_n(inner, n=2).compile().invoke(TASK)


def test_an_attempt_that_would_ask_a_person_says_where_to_ask_instead() -> None:
    @tool
    def send(text: str) -> str:
        """Send."""
        raise AssertionError("nobody was asked")

    tools, asked = [mark(send, "commit")], []

    def script(messages: list[BaseMessage], number: int) -> Any:
        asked.append(number)
        return calling("send", text="hello")

    asking = agent(script, tools, HumanInTheLoopMiddleware({"send": True}))
    search = create_agent_best_of_n(asking, tools, n=2, waves=3).compile(checkpointer=InMemorySaver())
    with pytest.raises(ConfigurationError, match=r'^An attempt interrupted to ask.*interrupt_before=\["commit"\]'):
        search.invoke(TASK, THREAD)
    assert len(asked) == 2  # a second wave would meet the same


class Bill(BaseModel):
    """What is to be paid."""

    amount: int


def test_the_winners_structured_response_is_handed_over() -> None:
    strategy: Any = ToolStrategy(Bill)
    bills = agent(lambda messages, number: calling("Bill", amount=30), None, response_format=strategy)
    search = create_agent_best_of_n(bills, n=2).compile(checkpointer=InMemorySaver())
    assert search.invoke(TASK, THREAD)["structured_response"] == Bill(amount=30)
    plain = create_agent_best_of_n(agent(says("Done."))).compile(checkpointer=search.checkpointer)
    assert plain.invoke(TASK, THREAD)["structured_response"] is None
    assert "structured_response" not in create_agent_best_of_n(agent(says("Done."))).compile().invoke(TASK)


class Forgetful(AgentMiddleware[Any, Any, Any]):
    """Replaces a long conversation by a summary and its last message, as summarising middleware does."""

    def before_model(self, state: Any, runtime: Any) -> dict[str, Any] | None:
        messages = state["messages"]
        if len(messages) < 4 or messages[0].id == "summary":
            return None
        kept = messages[-2:] if "earlier attempt" in messages[-1].text else messages[-1:]
        return {"messages": [RemoveMessage(REMOVE_ALL_MESSAGES), HumanMessage("A summary.", id="summary"), *kept]}


def again(candidate: Candidate) -> float:
    return 0.9 if "Again." in candidate.steps[0] else 0.1


@pytest.mark.parametrize(("waves", "said"), [(1, "Done."), (2, "Again.")])
def test_an_agent_may_shorten_the_conversation(waves: int, said: str) -> None:
    def script(messages: list[BaseMessage], number: int) -> str:
        return "Again." if "earlier attempt" in messages[-1].text else "Done."

    history: list[Any] = [HumanMessage("a"), AIMessage("b"), HumanMessage("c"), AIMessage("d"), HumanMessage("Do it.")]
    choose = by_score(FunctionVerifier(again))
    search = create_agent_best_of_n(agent(script, None, Forgetful()), n=2, waves=waves, choose=choose).compile()
    output = search.invoke({"messages": history})
    assert [message.text for message in output["messages"]] == ["A summary.", "Do it.", said]
    assert "Human: Do it." not in output["result"]["candidates"][0]["summary"]
