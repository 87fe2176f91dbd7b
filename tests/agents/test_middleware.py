"""An agent that thinks twice: one winner in the conversation and in the stream, every call counted once."""

from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

import pytest

pytest.importorskip("langchain")

from langchain.agents import create_agent
from langchain.agents.middleware import AgentMiddleware, ModelFallbackMiddleware, wrap_model_call
from langchain.agents.structured_output import ProviderStrategy, ToolStrategy
from langchain_core.caches import InMemoryCache
from langchain_core.callbacks import BaseCallbackHandler, get_usage_metadata_callback
from langchain_core.globals import set_llm_cache
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolMessage
from langchain_core.tools import tool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import Command, interrupt
from pydantic import BaseModel

from its_graph.agents.conditions import before_tools
from its_graph.agents.middleware import DeliberateMiddleware
from its_graph.agents.selection import by_score
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
    output = agent(model, DeliberateMiddleware(n=5, condition=before_tools({"pay"}))).invoke(TASK)
    assert len(model.calls) == 1
    assert output["its_trace"][0]["n"] == 1
    risky = ScriptedChatModel(script=script)
    agent(risky, DeliberateMiddleware(n=5, condition=before_tools({"pay"}))).invoke(TASK)
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
    with pytest.raises(ConfigurationError, match="must be >= 1; got 0"):
        DeliberateMiddleware(n=0)


def failing(*numbers: int) -> ScriptedChatModel:
    def shaky(messages: list[BaseMessage], number: int) -> str:
        if number in numbers:
            raise ConnectionError(f"lost {number}")
        return "The answer is 4."

    return ScriptedChatModel(script=shaky)


async def test_the_first_reply_may_fail_as_any_other() -> None:
    for call in ("invoke", "ainvoke"):
        built = agent(failing(0), DeliberateMiddleware(n=3, condition=before_tools({"pay"})))
        output = built.invoke(TASK) if call == "invoke" else await built.ainvoke(TASK)
        assert output["messages"][-1].text == "The answer is 4."
        assert output["its_trace"][0]["failed"] == ["ConnectionError: lost 0"]
        assert output["its_trace"][0]["n"] == 2


async def test_where_all_fail_the_first_error_is_raised() -> None:
    for n in (1, 3):
        with pytest.raises(ConnectionError, match="lost 0"):
            agent(failing(0, 1, 2), DeliberateMiddleware(n=n)).invoke(TASK)
        with pytest.raises(ConnectionError, match="lost 0"):
            await agent(failing(0, 1, 2), DeliberateMiddleware(n=n)).ainvoke(TASK)


def test_a_first_reply_of_the_wrong_shape_is_one_that_failed() -> None:
    class Bill(BaseModel):
        amount: int

    said = ["not json", '{"amount": 30}', '{"amount": 30}']
    model = ScriptedChatModel(script=lambda messages, number: said[number])
    built = create_agent(model, [], middleware=[DeliberateMiddleware(n=3)], response_format=ProviderStrategy(Bill))
    assert built.invoke(TASK)["structured_response"] == Bill(amount=30)


class AskingOnce(AgentMiddleware[Any, Any, Any]):
    """Asks a person about the first reply alone."""

    asked = False

    def ask(self) -> None:
        if not self.asked:
            self.asked = True
            interrupt("May I?")

    def wrap_model_call(self, request: Any, handler: Any) -> Any:
        self.ask()
        return handler(request)

    async def awrap_model_call(self, request: Any, handler: Any) -> Any:
        self.ask()
        return await handler(request)


async def test_a_question_to_a_person_is_no_failure() -> None:
    for call in ("invoke", "ainvoke"):
        model, middleware = failing(), [DeliberateMiddleware(n=3), AskingOnce()]
        built: Any = create_agent(model, middleware=middleware, checkpointer=InMemorySaver())
        config: Any = {"configurable": {"thread_id": "1"}}
        asked = built.invoke(TASK, config) if call == "invoke" else await built.ainvoke(TASK, config)
        assert [one.value for one in asked["__interrupt__"]] == ["May I?"]
        assert model.calls == []
        again: Any = Command(resume=True)
        output = built.invoke(again, config) if call == "invoke" else await built.ainvoke(again, config)
        assert output["its_trace"][0]["n"] == 3


class AskingSecond(AskingOnce):
    """Asks a person about the second reply; the first is there then."""

    def __init__(self) -> None:
        super().__init__()
        self.replies = count()

    def ask(self) -> None:
        if next(self.replies) == 1:
            super().ask()


async def test_a_question_to_a_person_about_a_later_reply_is_no_failure_either() -> None:
    for call in ("invoke", "ainvoke"):
        model = ScriptedChatModel(script=lambda messages, number: "The answer is 4.")
        middleware: list[Any] = [DeliberateMiddleware(n=3), AskingSecond()]
        built: Any = create_agent(model, middleware=middleware, checkpointer=InMemorySaver())
        config: Any = {"configurable": {"thread_id": "1"}}
        asked = built.invoke(TASK, config) if call == "invoke" else await built.ainvoke(TASK, config)
        assert [one.value for one in asked["__interrupt__"]] == ["May I?"]


def alternating() -> ScriptedChatModel:
    return ScriptedChatModel(script=lambda messages, number: f"The answer is {number % 2}.")


@wrap_model_call
def another(request: Any, handler: Any) -> Any:
    """Ask another model than the agent's."""
    return handler(request.override(model=alternating()))


STACKS: list[Callable[[], list[Any]]] = [
    lambda: [DeliberateMiddleware(n=3), another],
    lambda: [another, DeliberateMiddleware(n=3)],
    lambda: [DeliberateMiddleware(n=3), ModelFallbackMiddleware(alternating())],
]


class Heard(BaseCallbackHandler):
    """A tracer's ear."""

    def __init__(self) -> None:
        self.tags: list[list[str]] = []

    def on_chat_model_start(self, serialized: Any, messages: Any, *, tags: Any = None, **kwargs: Any) -> None:
        self.tags.append(tags)


@pytest.mark.parametrize("stack", STACKS)
def test_losers_stay_hidden_whatever_model_is_asked_inside(stack: Callable[[], list[Any]]) -> None:
    heard, built = Heard(), create_agent(failing(*range(9)), middleware=stack())
    with get_usage_metadata_callback() as used:
        parts = list(built.stream(TASK, {"callbacks": [heard]}, stream_mode=["messages", "values"], version="v2"))
    told = [part["data"][0].text for part in parts if part["type"] == "messages"]
    final: Any = parts[-1]["data"]
    assert told == [final["messages"][-1].text]
    assert used.usage_metadata["scripted"]["total_tokens"] == 45
    assert {"its:candidate" in tags for tags in heard.tags} == {True}


@wrap_model_call
def with_tags_of_its_own(request: Any, handler: Any) -> Any:
    """Ask a model whose tags take the place of those around it."""
    return handler(request.override(model=alternating().with_config(tags=["mine"])))


def test_losers_stay_hidden_where_a_model_brings_its_own_tags() -> None:
    stack: list[Any] = [DeliberateMiddleware(n=3), with_tags_of_its_own]
    built = create_agent(failing(), middleware=stack)
    assert len(list(built.stream(TASK, stream_mode="messages", version="v2"))) == 1


async def test_losers_stay_hidden_from_an_async_stream() -> None:
    built = create_agent(failing(*range(9)), middleware=STACKS[-1]())
    parts = [part async for part in built.astream(TASK, stream_mode="messages", version="v2")]
    assert len(parts) == 1


@pytest.fixture
def cache() -> Iterator[None]:
    set_llm_cache(InMemoryCache())
    yield
    set_llm_cache(None)


@pytest.mark.usefixtures("cache")
def test_every_reply_is_a_draw_of_its_own_although_replies_are_cached() -> None:
    model = alternating()
    for calls in (3, 6):
        output = create_agent(model, middleware=[DeliberateMiddleware(n=3)]).invoke(TASK)
        assert len(set(output["its_trace"][0]["replies"])) == 2
        assert len(model.calls) == calls
