"""Whole agents as candidates: only the winner changes the world, and only once."""

from itertools import count
from typing import Any

import pytest

pytest.importorskip("langchain")

from langchain.agents import create_agent
from langchain_core.callbacks import get_usage_metadata_callback
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolMessage
from langchain_core.tools import BaseTool, tool
from langgraph.checkpoint.memory import InMemorySaver

from its_graph.agents.best_of_n import create_agent_best_of_n
from its_graph.agents.selection import by_score
from its_graph.agents.testing import ScriptedChatModel, calling
from its_graph.agents.tool_effects import ToolEffects, mark
from its_graph.errors import ConfigurationError, InputError, SearchFailedError
from its_graph.testing import ScriptedVerifier

TASK: Any = {"messages": [HumanMessage("Send the report.")]}


class World:
    """What tools did, in order."""

    def __init__(self) -> None:
        self.done: list[str] = []

    def tools(self) -> list[BaseTool]:
        @tool
        def send(text: str) -> str:
            """Send a mail."""
            self.done.append(f"sent {text}")
            return f"really sent {text}"

        @tool
        def draft(text: str) -> str:
            """Save a draft."""
            self.done.append(f"drafted {text}")
            return f"draft {text}"

        @tool
        def look(what: str) -> str:
            """Look something up."""
            return "42"

        undo = mark(draft, "reversible", undo=lambda args, said: self.done.append(f"deleted {said}"))
        return [send, undo, mark(look, "read_only")]


class Worker:
    """Looks, drafts, sends, and says so; how well depends on the number of the attempt."""

    def __init__(self) -> None:
        self.attempts = count()

    def __call__(self, messages: list[BaseMessage], number: int) -> AIMessage | str:
        used = [message.name for message in messages if isinstance(message, ToolMessage)]
        which = next((m.tool_calls[0]["args"]["what"] for m in messages if isinstance(m, AIMessage)), None)
        if which is None:
            return calling("look", what=f"v{next(self.attempts)}")
        if "draft" not in used:
            return calling("draft", text=which)
        if "send" not in used:
            return calling("send", text=which)
        return f"The answer is {which}."


def favour(version: str) -> ScriptedVerifier:
    return ScriptedVerifier(lambda candidate: 0.9 if f"The answer is {version}." in candidate.steps[0] else 0.1)


def build(world: World, model: ScriptedChatModel, version: str, **options: Any) -> Any:
    tools = world.tools()
    agent = create_agent(model, tools, middleware=[ToolEffects()])
    return create_agent_best_of_n(agent, tools, choose=by_score(favour(version)), **options)


@pytest.mark.parametrize("call", ["invoke", "ainvoke"])
async def test_only_the_winner_commits_and_the_losers_are_undone(call: str) -> None:
    world, model = World(), ScriptedChatModel(script=Worker())
    search = build(world, model, "v1", n=3).compile(name="agent_best_of_n")
    with get_usage_metadata_callback() as used:
        output = search.invoke(TASK) if call == "invoke" else await search.ainvoke(TASK)
    assert [one for one in world.done if one.startswith("sent")] == ["sent v1"]
    assert sorted(one for one in world.done if one.startswith("deleted")) == ["deleted draft v0", "deleted draft v2"]
    assert world.done[-1] == "sent v1"
    told = [message.text for message in output["messages"] if isinstance(message, ToolMessage)]
    assert told == ["42", "draft v1", "really sent v1"]
    assert output["messages"][-1].text == "The answer is v1."
    assert output["result"]["committed"] == ["send"]
    assert sorted(one["score"] for one in output["result"]["candidates"]) == [0.1, 0.1, 0.9]
    assert used.usage_metadata["scripted"]["total_tokens"] == 15 * len(model.calls) == 15 * 12


async def test_losers_do_not_show_in_the_stream() -> None:
    world = World()
    search = build(world, ScriptedChatModel(script=Worker()), "v1", n=3).compile(name="agent_best_of_n")
    parts = [part async for part in search.astream(TASK, stream_mode="messages", subgraphs=True, version="v2")]
    text = " ".join(part["data"][0].text for part in parts)
    assert "v1" in text
    assert "The answer is v0." not in text
    assert "The answer is v2." not in text


def test_an_agent_without_effects_is_stopped_before_its_tools_run() -> None:
    world = World()
    tools = world.tools()
    search = create_agent_best_of_n(create_agent(ScriptedChatModel(script=Worker()), tools), tools, n=2).compile()
    with pytest.raises(ConfigurationError, match="ToolEffects"):
        search.invoke(TASK)
    assert world.done == []


def test_outside_a_search_the_agent_works_as_ever() -> None:
    world = World()
    agent = create_agent(ScriptedChatModel(script=Worker()), world.tools(), middleware=[ToolEffects()])
    agent.invoke(TASK)
    assert world.done == ["drafted v0", "sent v0"]


def test_a_next_wave_sees_the_best_of_the_last() -> None:
    world, model = World(), ScriptedChatModel(script=Worker())
    output = build(world, model, "v3", n=2, waves=2).compile().invoke(TASK)
    second = [m[-1].text for m in model.calls if len(m) == 2 and isinstance(m[-1], HumanMessage)]
    assert len(second) == 2
    assert all("An earlier attempt" in text and "The answer is v" in text for text in second)
    # The two attempts of a wave run side by side, so which of them calls itself v3 is a matter of the threads.
    candidates = output["result"]["candidates"]
    (favoured,) = (at for at, one in enumerate(candidates) if "The answer is v3." in one["summary"])
    assert output["result"]["winner"] == favoured >= 2
    assert [one["score"] for one in candidates] == [0.9 if at == favoured else 0.1 for at in range(4)]
    assert [one for one in world.done if one.startswith("sent")] == ["sent v3"]
    assert not any("An earlier attempt" in message.text for message in output["messages"])


def test_an_attempt_that_fails_loses_only_itself() -> None:
    worker = Worker()

    def shaky(messages: list[BaseMessage], number: int) -> AIMessage | str:
        if number == 0:
            raise ConnectionError("lost")
        return worker(messages, number)

    output = build(World(), ScriptedChatModel(script=shaky), "v1", n=3).compile().invoke(TASK)
    errors = [one["error"] for one in output["result"]["candidates"]]
    assert errors.count("ConnectionError: lost") == 1
    assert errors.count(None) == 2


def test_no_attempt_left_is_an_error_and_nothing_is_committed() -> None:
    def dead(messages: list[BaseMessage], number: int) -> str:
        raise ConnectionError("lost")

    world = World()
    with pytest.raises(SearchFailedError, match="ConnectionError: lost"):
        build(world, ScriptedChatModel(script=dead), "v1", n=2).compile().invoke(TASK)
    assert world.done == []


def test_a_commit_is_not_repeated_when_the_search_is_resumed() -> None:
    world = World()
    search = build(world, ScriptedChatModel(script=Worker()), "v1", n=2).compile(
        checkpointer=InMemorySaver(), interrupt_before=["answer"]
    )
    thread = {"configurable": {"thread_id": "1"}}
    search.invoke(TASK, thread)
    assert world.done[-1] == "sent v1"
    output = search.invoke(None, thread)
    assert world.done.count("sent v1") == 1
    assert output["messages"][-1].text == "The answer is v1."


def test_bad_arguments() -> None:
    agent = create_agent(ScriptedChatModel(script=Worker()), [])
    with pytest.raises(ConfigurationError, match="n=0"):
        create_agent_best_of_n(agent, n=0)
    with pytest.raises(InputError, match="must not be empty"):
        create_agent_best_of_n(agent).compile().invoke({"messages": []})
    [send, *_] = World().tools()
    with pytest.raises(ConfigurationError, match="`undo` must be given"):
        mark(send, "reversible")
    with pytest.raises(ConfigurationError, match="`undo` must be given"):
        mark(send, "commit", undo=lambda args, said: None)


def test_a_commit_tool_that_was_not_given_is_named_before_anything_is_committed() -> None:
    world = World()
    tools = world.tools()
    agent = create_agent(ScriptedChatModel(script=Worker()), tools, middleware=[ToolEffects()])
    with pytest.raises(ConfigurationError, match="'send', which is not among"):
        create_agent_best_of_n(agent, tools[1:], n=1).compile().invoke(TASK)
    assert "sent v0" not in world.done
