"""The chat model passes langchain's standard tests, and is a search."""

from collections.abc import Iterator
from typing import Any

import pytest
from langchain_core.caches import InMemoryCache
from langchain_core.callbacks import get_usage_metadata_callback
from langchain_core.globals import set_llm_cache
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.tools import tool
from langchain_tests.unit_tests import ChatModelUnitTests
from pydantic import BaseModel

from its_graph.agents.chat_model import DeliberateChatModel
from its_graph.agents.testing import ScriptedChatModel, calling
from its_graph.errors import ConfigurationError


def replies(*said: AIMessage | str) -> ScriptedChatModel:
    return ScriptedChatModel(script=lambda messages, number: said[number % len(said)])


class TestStandard(ChatModelUnitTests):
    @property
    def chat_model_class(self) -> type[BaseChatModel]:
        return DeliberateChatModel

    @property
    def chat_model_params(self) -> dict[str, Any]:
        return {"model": replies("hello"), "n": 3}


@tool
def look(what: str) -> str:
    """Look something up."""
    return what


async def test_the_answer_that_most_give() -> None:
    model = DeliberateChatModel(model=replies("The answer is 5.", "The answer is 4.", r"\boxed{4}"), n=3)
    said = model.invoke("2 + 2?")
    assert said.text == "The answer is 4."
    assert (await model.ainvoke("2 + 2?")).text == said.text
    assert said.response_metadata["its"]["usage"]["total_tokens"] == 45


async def test_usage_is_told_once_for_every_reply() -> None:
    model = DeliberateChatModel(model=replies("4"), n=3)
    with get_usage_metadata_callback() as used:
        said = model.invoke("2 + 2?")
        await model.ainvoke("2 + 2?")
    assert used.usage_metadata["scripted"]["total_tokens"] == 90
    assert said.usage_metadata is None


def test_tool_calls_are_voted_on() -> None:
    inner = replies(calling("look", what="x"), calling("look", what="y"), calling("look", what="y"))
    said = DeliberateChatModel(model=inner, n=3).bind_tools([look]).invoke("?")
    assert [call["args"] for call in said.tool_calls] == [{"what": "y"}]
    with pytest.raises(ConfigurationError, match="tools bound"):
        DeliberateChatModel(model=inner.bind_tools([look]).bind(stop=["x"])).bind_tools([look])


def test_structured_output() -> None:
    class Sum(BaseModel):
        """A sum."""

        value: int

    inner = replies(calling("Sum", value=5), calling("Sum", value=4), calling("Sum", value=4))
    assert DeliberateChatModel(model=inner, n=3).with_structured_output(Sum).invoke("2 + 2?") == Sum(value=4)


async def test_it_streams_the_winner_alone() -> None:
    model = DeliberateChatModel(model=replies("The answer is 5.", "The answer is 4.", "It is 4: The answer is 4."), n=3)
    assert "".join(chunk.text for chunk in model.stream("?")) == "The answer is 4."
    assert "".join([chunk.text async for chunk in model.astream("?")]) == "The answer is 4."


def test_one_reply_that_fails_loses_only_itself_and_all_are_an_error() -> None:
    def shaky(messages: list[BaseMessage], number: int) -> str:
        if number != 1:
            raise ConnectionError(f"lost {number}")
        return "4"

    said = DeliberateChatModel(model=ScriptedChatModel(script=shaky), n=3).invoke("?")
    assert said.text == "4"
    assert len(said.response_metadata["its"]["failed"]) == 2
    with pytest.raises(ConnectionError, match="lost"):
        DeliberateChatModel(model=ScriptedChatModel(script=shaky), n=1).invoke("?")


class Named(ScriptedChatModel):
    """A model with a name, as most have."""

    model_name: str = "gpt-5"


def test_it_goes_by_the_name_of_the_model_that_it_asks() -> None:
    assert DeliberateChatModel(model=replies("4")).model_name == "its-deliberate"
    named = Named(script=lambda messages, number: "4")
    assert DeliberateChatModel(model=named).model_name == "gpt-5"
    assert DeliberateChatModel(model=named.bind(stop=["x"])).model_name == "gpt-5"
    assert DeliberateChatModel(model=DeliberateChatModel(model=named)).model_name == "gpt-5"


class Bill(BaseModel):
    """A bill."""

    amount: int


def test_an_agent_with_a_schema() -> None:
    agents = pytest.importorskip("langchain.agents")
    asked: Any = {"messages": [("user", "?")]}
    inner = replies(calling("Bill", amount=5), calling("Bill", amount=4), calling("Bill", amount=4))
    agent = agents.create_agent(DeliberateChatModel(model=inner, n=3), [], response_format=Bill)
    assert agent.invoke(asked)["structured_response"] == Bill(amount=4)
    said = ['{"amount": 5}', '{"amount": 4}', '{"amount": 4}']
    native = Named(script=lambda messages, number: said[number])
    agent = agents.create_agent(DeliberateChatModel(model=native, n=3), [], response_format=Bill)
    assert agent.invoke(asked)["structured_response"] == Bill(amount=4)


@pytest.fixture
def cache() -> Iterator[None]:
    set_llm_cache(InMemoryCache())
    yield
    set_llm_cache(None)


@pytest.mark.usefixtures("cache")
async def test_every_reply_is_a_draw_of_its_own_although_replies_are_cached() -> None:
    inner = replies("The answer is 5.", "The answer is 4.", "The answer is 4.")
    for model in (inner, inner.bind(stop=["x"]), inner.with_fallbacks([replies("The answer is 7.")])):
        asked = len(inner.calls)
        outer = DeliberateChatModel(model=model, n=3, cache=False)
        assert outer.invoke("2 + 2?").text == (await outer.ainvoke("2 + 2?")).text == "The answer is 4."
        assert len(inner.calls) == asked + 6
