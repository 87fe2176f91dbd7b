"""An agent that thinks twice: one winner in the conversation and in the stream, every call counted once."""

from typing import Any

import pytest

pytest.importorskip("langchain")

from langchain.agents import create_agent
from langchain.agents.structured_output import ToolStrategy
from langchain_core.callbacks import get_usage_metadata_callback
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolMessage
from langchain_core.tools import tool
from pydantic import BaseModel

from its_graph.agents.choosing import by_score
from its_graph.agents.gates import before_tools
from its_graph.agents.middleware import DeliberateMiddleware
from its_graph.agents.testing import ScriptedChatModel, calling
from its_graph.errors import ConfigurationError
from its_graph.testing import ScriptedVerifier

TASK: Any = {"messages": [HumanMessage("Pay the bill.")]}
paid: list[int] = []


@tool
def pay(amount: int) -> str:
    """Pay a bill."""
    paid.append(amount)
    return f"paid {amount}"


@tool
def look(what: str) -> str:
    """Look something up."""
    return "the bill is 30"


@tool
def ask(whom: str) -> str:
    """Ask somebody."""
    return "no answer"


@pytest.fixture(autouse=True)
def _nothing_paid() -> None:
    paid.clear()


def script(messages: list[BaseMessage], number: int) -> AIMessage | str:
    if isinstance(messages[-1], ToolMessage):
        return "The answer is paid." if number % 3 else "The answer is unknown."
    return [calling("pay", amount=30), calling("pay", amount=300), calling("look", what="bill")][number % 3 % 2 * 1]


def agent(model: ScriptedChatModel, middleware: DeliberateMiddleware, **options: Any) -> Any:
    return create_agent(model, [pay, look, ask], middleware=[middleware], **options)


async def test_only_the_winner_goes_on_and_a_tool_runs_once() -> None:
    for call in ("invoke", "ainvoke"):
        paid.clear()
        model = ScriptedChatModel(script=script)
        built = agent(model, DeliberateMiddleware(n=5))
        with get_usage_metadata_callback() as used:
            output = built.invoke(TASK) if call == "invoke" else await built.ainvoke(TASK)
        assert paid == [30]
        assert [type(message).__name__ for message in output["messages"]] == [
            "HumanMessage",
            "AIMessage",
            "ToolMessage",
            "AIMessage",
        ]
        assert output["messages"][-1].text == "The answer is paid."
        assert len(model.calls) == 10
        assert used.usage_metadata["scripted"]["total_tokens"] == 150
        first, last = output["its_trace"]
        assert (first["n"], last["n"]) == (5, 5)
        assert first["usage"]["total_tokens"] == 75
        assert first["replies"].count('pay({"amount": 30})') == 3


async def test_the_messages_stream_shows_exactly_the_winner() -> None:
    built = agent(ScriptedChatModel(script=script), DeliberateMiddleware(n=5))
    parts = [part async for part in built.astream(TASK, stream_mode="messages", version="v2")]
    shown = [part["data"][0] for part in parts]
    calls = [call for message in shown if isinstance(message, AIMessage) for call in message.tool_calls]
    assert [call["args"] for call in calls] == [{"amount": 30}]
    assert "".join(message.text for message in shown if isinstance(message, AIMessage)) == "The answer is paid."


def test_what_was_weighed_is_told_in_the_custom_stream() -> None:
    built = agent(ScriptedChatModel(script=script), DeliberateMiddleware(n=3))
    told = list(built.stream(TASK, stream_mode="custom"))
    assert [event["type"] for event in told] == ["its.deliberated"] * 2
    assert told[0]["replies"][told[0]["winner"]] == 'pay({"amount": 30})'


def test_a_gate_that_stays_shut_costs_one_call() -> None:
    model = ScriptedChatModel(script=lambda messages, number: "The answer is 4.")
    output = agent(model, DeliberateMiddleware(n=5, gate=before_tools({"pay"}))).invoke(TASK)
    assert len(model.calls) == 1
    assert output["its_trace"][0]["n"] == 1
    risky = ScriptedChatModel(script=script)
    agent(risky, DeliberateMiddleware(n=5, gate=before_tools({"pay"}))).invoke(TASK)
    assert len(risky.calls) == 6


def test_a_verifier_chooses() -> None:
    verifier = ScriptedVerifier(lambda candidate: 0.9 if "300" in candidate.steps[0] else 0.1)
    agent(ScriptedChatModel(script=script), DeliberateMiddleware(n=3, choose=by_score(verifier))).invoke(TASK)
    assert paid == [300]
    assert verifier.candidates[0].messages[-1]["content"] == "Pay the bill."


def test_structured_output_is_voted_on() -> None:
    class Bill(BaseModel):
        amount: int

    answers = [30, 31, 30]
    model = ScriptedChatModel(script=lambda messages, number: calling("Bill", amount=answers[number]))
    built = create_agent(model, [], middleware=[DeliberateMiddleware(n=3)], response_format=ToolStrategy(Bill))
    output = built.invoke(TASK)
    assert output["structured_response"] == Bill(amount=30)
    assert len(model.calls) == 3


def test_one_reply_that_fails_loses_only_itself() -> None:
    def shaky(messages: list[BaseMessage], number: int) -> str:
        if number == 1:
            raise ConnectionError("lost")
        return "The answer is 4."

    output = agent(ScriptedChatModel(script=shaky), DeliberateMiddleware(n=3)).invoke(TASK)
    assert output["its_trace"][0]["failed"] == ["ConnectionError: lost"]
    assert output["its_trace"][0]["n"] == 2


def test_no_reply_at_all_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="n=0"):
        DeliberateMiddleware(n=0)
