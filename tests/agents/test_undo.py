"""What the losers did is taken back once, what the winner put off is carried out once, whatever goes wrong."""

from itertools import count
from threading import Lock
from time import sleep
from typing import Annotated, Any

import pytest

pytest.importorskip("langchain")

from langchain.agents import create_agent
from langchain.agents.middleware import AgentMiddleware, AgentState
from langchain.tools import InjectedState, ToolRuntime
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolMessage
from langchain_core.tools import BaseTool, ToolException, tool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import Command, interrupt

from its_graph.agents.best_of_n import create_agent_best_of_n
from its_graph.agents.testing import ScriptedChatModel, calling
from its_graph.agents.tool_effects import ToolEffects, mark
from its_graph.errors import CommitFailedError, ConfigurationError, SearchFailedError

TASK: Any = {"messages": [HumanMessage("Do it.")]}
THREAD: Any = {"configurable": {"thread_id": "1"}}


class Plan:
    """Calls one tool after the other, then says "Done."."""

    def __init__(self, *calls: Any) -> None:
        self.calls = calls

    def __call__(self, messages: list[BaseMessage], number: int) -> Any:
        place = sum(isinstance(message, ToolMessage) for message in messages)
        return self.calls[place] if place < len(self.calls) else "Done."


def search_of(script: Any, tools: list[BaseTool], *middleware: Any, **options: Any) -> Any:
    agent = create_agent(ScriptedChatModel(script=script), tools, middleware=[ToolEffects(), *middleware])
    return create_agent_best_of_n(agent, tools, **options)


def sender(world: list[str]) -> BaseTool:
    @tool
    def send(text: str) -> str:
        """Send."""
        world.append(f"sent {text}")
        return f"really sent {text}"

    return mark(send, "commit")


def told(output: Any) -> list[str]:
    return [message.text for message in output["messages"] if isinstance(message, ToolMessage)]


def drafter(world: list[str], undo: Any = None) -> BaseTool:
    numbers = count()

    @tool
    def draft() -> str:
        """Save a draft."""
        world.append("drafted")
        return str(next(numbers))

    return mark(draft, "reversible", undo=undo or (lambda args, returned: world.append(f"undid {returned}")))


def test_where_every_attempt_fails_all_is_taken_back() -> None:
    world: list[str] = []

    def script(messages: list[BaseMessage], number: int) -> Any:
        if isinstance(messages[-1], ToolMessage):
            raise ConnectionError("lost")
        return calling("draft")

    with pytest.raises(SearchFailedError, match="ConnectionError: lost"):
        search_of(script, [drafter(world)], n=2).compile().invoke(TASK)
    assert sorted(world) == ["drafted", "drafted", "undid 0", "undid 1"]


def test_an_undo_that_fails_is_tried_again_and_no_other() -> None:
    world: list[str] = []
    down = [True]

    def undo(args: dict[str, Any], returned: Any) -> None:
        if down and len(world) == 4:
            down.clear()
            raise ConnectionError("down")
        world.append(f"undid {returned}")

    search = search_of(Plan(calling("draft")), [drafter(world, undo)], n=3).compile(checkpointer=InMemorySaver())
    with pytest.raises(ConnectionError, match="down"):
        search.invoke(TASK, THREAD)
    assert search.invoke(None, THREAD)["messages"][-1].text == "Done."
    undone = world[3:]
    assert len(undone) == len(set(undone)) == 2


def test_a_reversible_tool_that_returns_a_command_is_taken_back() -> None:
    world: list[Any] = []

    @tool
    def draft(runtime: ToolRuntime[Any, Any]) -> Command[Any]:
        """Save a draft."""
        return Command(update={"messages": [ToolMessage("draft 7", tool_call_id=runtime.tool_call_id)]})

    marked = mark(draft, "reversible", undo=lambda args, returned: world.append(returned))
    search_of(Plan(calling("draft")), [marked], n=3).compile().invoke(TASK)
    assert world == ["draft 7"] * 2


async def test_an_undo_may_be_async() -> None:
    world: list[str] = []

    async def undo(args: dict[str, Any], returned: Any) -> None:
        world.append(f"undid {returned}")

    search = search_of(Plan(calling("draft")), [drafter(world, undo)], n=2).compile()
    with pytest.raises(ConfigurationError, match=r"The undo of 'draft' is async\. Call the search with ainvoke"):
        search.invoke(TASK)
    world.clear()
    await search.ainvoke(TASK)
    assert sorted(world)[:2] == ["drafted", "drafted"]
    assert len(world) == 3


def test_a_slip_of_the_model_is_answered_at_once_as_a_plain_agents() -> None:
    world: list[str] = []
    script = Plan(calling("sendmail", text="a"), calling("send", body="a"), calling("send", text="a"))
    output = search_of(script, [sender(world)], n=2).compile().invoke(TASK)
    unknown, wrong, sent = told(output)
    assert "sendmail is not a valid tool" in unknown
    assert "the arguments {'body': 'a'} of send are wrong" in wrong
    assert sent == "really sent a"
    assert world == ["sent a"]
    assert output["result"]["committed"] == ["send"]


class City(AgentState[Any]):
    """State of an agent that knows where it is."""

    city: str


class AtHome(AgentMiddleware[Any, Any, Any]):
    """Puts the city into the agent's state."""

    state_schema = City

    def before_agent(self, state: Any, runtime: Any) -> dict[str, Any]:
        return {"city": "Bonn"}


@pytest.mark.parametrize("call", ["invoke", "ainvoke"])
async def test_a_commit_is_handed_runtime_and_state_as_in_a_plain_agent(call: str) -> None:
    seen: list[Any] = []

    @tool
    def send(text: str, city: Annotated[str, InjectedState("city")], runtime: ToolRuntime[Any, Any]) -> str:
        """Send."""
        seen.append((text, city, runtime.context, [message.type for message in runtime.state["messages"]][:2]))
        return "sent"

    context: Any = {"user": "me"}
    search = search_of(Plan(calling("send", text="a")), [mark(send, "commit")], AtHome(), n=2).compile()
    output = search.invoke(TASK, context=context) if call == "invoke" else await search.ainvoke(TASK, context=context)
    assert seen == [("a", "Bonn", context, ["human", "ai"])]
    assert told(output) == ["sent"]


def test_a_commit_that_fails_says_what_was_done_and_is_tried_again_on_resuming() -> None:
    world: list[str] = []
    down = [True]

    @tool
    def pay(amount: int) -> str:
        """Pay."""
        if down:
            raise ConnectionError("bank is down")
        world.append(f"paid {amount}")
        return "paid"

    tools = [sender(world), mark(pay, "commit")]
    script = Plan(calling("send", text="a"), calling("pay", amount=3), calling("send", text="b"))
    search = search_of(script, tools, n=2).compile(checkpointer=InMemorySaver())
    with pytest.raises(CommitFailedError, match="before it: send; not executed yet: send") as failed:
        search.invoke(TASK, THREAD)
    assert failed.value.committed == ["send"]
    assert world == ["sent a"]
    down.clear()
    output = search.invoke(None, THREAD)
    assert world == ["sent a", "paid 3", "sent b"]
    assert output["result"]["committed"] == ["send", "pay", "send"]


def test_behind_a_commit_that_reports_a_failure_nothing_more_is_carried_out() -> None:
    world: list[str] = []

    @tool
    def pay() -> str:
        """Pay."""
        raise ToolException("The account is empty.")

    pay.handle_tool_error = True
    tools = [mark(pay, "commit"), sender(world)]
    output = search_of(Plan(calling("pay"), calling("send", text="a")), tools, n=2).compile().invoke(TASK)
    assert told(output) == ["The account is empty.", "Not carried out, because pay failed before it."]
    assert output["result"]["committed"] == []
    assert world == []


def test_a_tool_may_ask_a_person_when_it_is_carried_out() -> None:
    world: list[str] = []

    @tool
    def send(text: str) -> str:
        """Send."""
        world.append(f"{interrupt(f'Send {text}?')}: {text}")
        return "sent"

    search = search_of(Plan(calling("send", text="a")), [mark(send, "commit")], n=3).compile(
        checkpointer=InMemorySaver()
    )
    asked = search.invoke(TASK, THREAD)
    assert [one.value for one in asked["__interrupt__"]] == ["Send a?"]
    assert search.invoke(Command(resume="yes"), THREAD)["result"]["committed"] == ["send"]
    assert world == ["yes: a"]


def at_once(*calls: AIMessage) -> AIMessage:
    """Return one message with several calls, each with an id of its own."""
    many = [{**one.tool_calls[0], "id": f"call_{place}"} for place, one in enumerate(calls)]
    return AIMessage("", tool_calls=many)


class Slow(AgentMiddleware[Any, Any, Any]):
    """Lets the first call of a message arrive last."""

    def wrap_tool_call(self, request: Any, handler: Any) -> Any:
        if request.tool_call["id"].startswith("call_0"):
            sleep(0.05)
        return handler(request)


def test_calls_of_one_message_are_committed_in_its_order_whichever_thread_came_first() -> None:
    world: list[str] = []
    script = Plan(at_once(*(calling("send", text=text) for text in "abc")))
    tools = [sender(world)]
    agent = create_agent(ScriptedChatModel(script=script), tools, middleware=[Slow(), ToolEffects()])
    output = create_agent_best_of_n(agent, tools, n=1).compile().invoke(TASK)
    assert world == ["sent a", "sent b", "sent c"]
    assert told(output) == [f"really {one}" for one in world]


def test_a_failure_leaves_out_what_was_called_after_it_and_not_what_was_called_with_it() -> None:
    world: list[str] = []

    @tool
    def pay() -> str:
        """Pay."""
        raise ToolException("The account is empty.")

    pay.handle_tool_error = True
    tools = [mark(pay, "commit"), sender(world)]
    script = Plan(at_once(calling("pay"), calling("send", text="a")), None, calling("send", text="b"))
    output = search_of(script, tools, n=1).compile().invoke(TASK)
    assert world == ["sent a"]
    assert told(output)[1:] == ["really sent a", "Not carried out, because pay failed before it."]


@pytest.mark.parametrize("runtime", [True, False])
def test_what_no_checkpoint_can_hold_does_not_hinder_a_commit(runtime: bool) -> None:
    world: list[str] = []

    class Held(AgentState[Any]):
        lock: Any

    class Holds(AgentMiddleware[Any, Any, Any]):
        state_schema = Held

        def before_agent(self, state: Any, runtime: Any) -> dict[str, Any]:
            return {"lock": Lock()}

    @tool
    def send_with(text: str, runtime: ToolRuntime[Any, Any]) -> str:
        """Send."""
        world.append(f"sent {text}, {sorted(runtime.state)}")
        return "sent"

    one = mark(send_with, "commit") if runtime else sender(world)
    search = search_of(Plan(calling(one.name, text="a")), [one], Holds(), n=2).compile(checkpointer=InMemorySaver())
    search.invoke(TASK, THREAD)
    assert world == ["sent a, ['messages']" if runtime else "sent a"]


def test_a_person_may_be_asked_before_each_commit() -> None:
    world: list[str] = []
    script = Plan(calling("send", text="a"), calling("send", text="b"))
    search = search_of(script, [sender(world)], n=2).compile(checkpointer=InMemorySaver(), interrupt_before=["commit"])
    search.invoke(TASK, THREAD)
    for done in ([], ["sent a"]):
        assert world == done
        assert search.get_state(THREAD).next == ("commit",)
        output = search.invoke(None, THREAD)
    assert output["result"]["committed"] == ["send", "send"]
