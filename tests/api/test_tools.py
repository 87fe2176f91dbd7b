"""Requests with tools: several replies of a chat model, one of them chosen, in OpenAI's format."""

import asyncio
import json
import threading
from typing import Any

import openai
import pytest
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from pydantic import SecretStr

from its_graph.agents.testing import ScriptedChatModel, calling
from its_graph.api.model_catalog import ServedModel
from its_graph.contracts import Candidate
from its_graph.testing import ScriptedVerifier, ToyGenerator, ToyVerifier
from tests.api.servers import QUESTION, in_process, serve

TOOLS: list[Any] = [
    {
        "type": "function",
        "function": {"name": "look", "parameters": {"type": "object", "properties": {"what": {"type": "string"}}}},
    }
]


def replies(*script: AIMessage | str) -> ScriptedChatModel:
    return ScriptedChatModel(script=lambda messages, number: script[number % len(script)])


def toy(model: ScriptedChatModel, verifier: Any = None) -> dict[str, ServedModel]:
    return {"toy": ServedModel(ToyGenerator(), verifier or ToyVerifier(), model)}


Y, X = calling("look", what="y"), calling("look", what="x")


async def test_the_majority_tool_call_wins() -> None:
    model = replies(Y, X, X)
    async with serve(toy(model)) as served:
        done = await served.openai.chat.completions.create(
            model="self_consistency/toy", messages=QUESTION, tools=TOOLS, extra_body={"options": {"n": 3}}
        )
    [choice] = done.choices
    assert choice.finish_reason == "tool_calls"
    assert choice.message.content is None
    [call] = choice.message.tool_calls
    assert (call.type, call.function.name, json.loads(call.function.arguments)) == ("function", "look", {"what": "x"})
    assert done.usage.total_tokens == 45
    assert done.model_extra["its"] == {
        "strategy": "self_consistency",
        "n": 3,
        "winner": 1,
        "scores": [],
        "failed": [],
    }
    assert len(model.calls) == 3


async def test_best_of_n_selects_by_the_verifier() -> None:
    def judge(candidate: Candidate) -> float:
        return 0.9 if '"y"' in candidate.steps[0] else 0.1

    async with serve(toy(replies(Y, X, X), ScriptedVerifier(judge))) as served:
        done = await served.openai.chat.completions.create(
            model="best_of_n/toy", messages=QUESTION, tools=TOOLS, extra_body={"options": {"n": 3}}
        )
    assert json.loads(done.choices[0].message.tool_calls[0].function.arguments) == {"what": "y"}
    assert done.model_extra["its"]["scores"] == [0.9, 0.1, 0.1]


async def test_a_bare_model_replies_once_and_text_may_win() -> None:
    model = replies("It is 12.")
    async with serve(toy(model)) as served:
        done = await served.openai.chat.completions.create(model="toy", messages=QUESTION, tools=TOOLS)
    assert done.choices[0].message.content == "It is 12."
    assert done.choices[0].finish_reason == "stop"
    assert len(model.calls) == 1


async def test_tool_calls_are_streamed_in_openais_format() -> None:
    async with serve(toy(replies(X))) as served:
        stream = await served.openai.chat.completions.create(
            model="self_consistency/toy",
            messages=QUESTION,
            tools=TOOLS,
            stream=True,
            stream_options={"include_usage": True},
            extra_body={"options": {"n": 2}},
        )
        first, called, last, usage = [chunk async for chunk in stream]
    assert first.choices[0].delta.role == "assistant"
    [call] = called.choices[0].delta.tool_calls
    assert (call.index, call.function.name, json.loads(call.function.arguments)) == (0, "look", {"what": "x"})
    assert last.choices[0].finish_reason == "tool_calls"
    assert usage.usage.total_tokens == 30


@pytest.mark.parametrize("stream", [False, True])
async def test_a_tool_call_with_invalid_json_is_returned_unchanged(stream: bool) -> None:
    broken = {"name": "look", "args": '{"what', "id": "call_1", "error": "cut"}
    message = AIMessage("", invalid_tool_calls=[{"type": "invalid_tool_call", **broken}], tool_calls=X.tool_calls)
    async with serve(toy(replies(message))) as served:
        done: Any = await served.openai.chat.completions.create(
            model="toy", messages=QUESTION, tools=TOOLS, stream=stream
        )
        if stream:
            _, called, last = [chunk async for chunk in done]
            calls, reason = called.choices[0].delta.tool_calls, last.choices[0].finish_reason
        else:
            calls, reason = done.choices[0].message.tool_calls, done.choices[0].finish_reason
    assert reason == "tool_calls"
    assert [(call.function.name, call.function.arguments) for call in calls] == [
        ("look", '{"what": "x"}'),
        ("look", '{"what'),
    ]
    assert calls[1].id == "call_1"


async def test_a_single_invalid_tool_call_is_returned() -> None:
    message = AIMessage("", invalid_tool_calls=[{"type": "invalid_tool_call", "name": None, "args": None, "id": None}])
    async with serve(toy(replies(message))) as served:
        done = await served.openai.chat.completions.create(model="toy", messages=QUESTION, tools=TOOLS)
    [call] = done.choices[0].message.tool_calls
    assert (done.choices[0].finish_reason, call.function.name, call.function.arguments) == ("tool_calls", "", "")
    assert call.id.startswith("call_")


@pytest.mark.parametrize("stream", [False, True])
async def test_a_conversation_with_tools_by_langchains_client(stream: bool) -> None:
    def script(messages: list[BaseMessage], number: int) -> AIMessage | str:
        return "It is x." if messages[-1].type == "tool" else X

    @tool
    def look(what: str) -> str:
        """Look something up."""
        return what

    async with serve(toy(ScriptedChatModel(script=script))) as served:
        model = ChatOpenAI(
            model="self_consistency/toy", base_url=f"{served.url}/v1", api_key=SecretStr("none"), streaming=stream
        ).bind_tools([look])
        reply = await model.ainvoke("Which?")
        assert [call["args"] for call in reply.tool_calls] == [{"what": "x"}]
        result = await look.ainvoke(reply.tool_calls[0])
        assert (await model.ainvoke([("user", "Which?"), reply, result])).text == "It is x."


async def test_sampling_parameters_reach_the_model() -> None:
    seen: list[Any] = []

    class Sampled(ScriptedChatModel):
        temperature: float = 1.0
        max_completion_tokens: int = 7
        seed: int | None = None

        def _reply(self, messages: list[BaseMessage]) -> AIMessage:
            seen.append((self.temperature, self.max_completion_tokens, self.seed))
            return super()._reply(messages)

    async with serve(toy(Sampled(script=lambda messages, number: "12"))) as served:
        for name in ("toy", "self_consistency/toy"):
            await served.openai.chat.completions.create(
                model=name, messages=QUESTION, tools=TOOLS, temperature=0.3, max_tokens=9, seed=4
            )
    assert seen[0] == (0.3, 9, 4)
    assert set(seen[1:]) == {(0.3, 9, None)}


async def test_disconnecting_cancels_the_calls() -> None:
    start_search, over, ended = threading.Event(), asyncio.Event(), []

    class Slow(ScriptedChatModel):
        async def _agenerate(self, *args: Any, **kwargs: Any) -> Any:
            start_search.set()
            try:
                await over.wait()
            except asyncio.CancelledError:
                ended.append(1)
                raise

    async with serve(toy(Slow(script=lambda messages, number: "12"))) as served:
        create = served.openai.chat.completions.create
        for stream in (False, True):
            start_search.clear()
            ended.clear()
            pending: Any = asyncio.create_task(
                create(model="best_of_n/toy", messages=QUESTION, tools=TOOLS, stream=stream)
            )
            while not start_search.is_set():
                await asyncio.sleep(0.002)
            if stream:
                await (await pending).close()
            pending.cancel()
            while len(ended) < 16:
                await asyncio.sleep(0.002)
        text = (await served.http.get("/metrics")).text
        assert 'its_searches_ended_total{status="cancelled",strategy="best_of_n"} 2.0' in text


async def test_a_server_error_if_all_replies_fail(caplog: pytest.LogCaptureFixture) -> None:
    def lost(messages: list[BaseMessage], number: int) -> str:
        raise ConnectionError("lost")

    async with serve(toy(ScriptedChatModel(script=lost))) as served:
        create = served.openai.chat.completions.create
        with pytest.raises(openai.InternalServerError, match=r"ConnectionError\. See the server's log for details"):
            await create(model="toy", messages=QUESTION, tools=TOOLS)
        with pytest.raises(openai.APIError, match=r"ConnectionError\. See the server's log for details"):
            [chunk async for chunk in await create(model="toy", messages=QUESTION, tools=TOOLS, stream=True)]
    assert caplog.text.count("ConnectionError: lost") == 2


async def test_server_options_set_the_number_of_replies() -> None:
    model = replies(X)
    async with serve(toy(model), options={"best_of_n": {"n": 3}}) as served:
        create = served.openai.chat.completions.create
        done = await create(model="best_of_n/toy", messages=QUESTION, tools=TOOLS)
        assert done.model_extra["its"]["n"] == 3
        done = await create(model="best_of_n/toy", messages=QUESTION, tools=TOOLS, extra_body={"options": {"n": 2}})
        assert done.model_extra["its"]["n"] == 2


@pytest.mark.parametrize(
    ("models", "change", "param", "says"),
    [
        (
            {"toy": ServedModel(ToyGenerator(), ToyVerifier())},
            {},
            "tools",
            "does not support tools: it has no chat model",
        ),
        (toy(replies(X)), {"model": "beam_search/toy"}, "model", "Use one of: single, self_consistency, best_of_n"),
        (toy(replies(X)), {"budget": {"tokens": 5}}, "budget", "budget is not supported with tools"),
        (toy(replies(X)), {"options": {"width": 5}}, "options.width", "no option 'width'"),
        (toy(replies(X)), {"options": {"n": 0}}, "options.n", "options.n must be >= 1; got 0"),
    ],
)
async def test_unsupported_requests_with_tools_are_rejected(
    models: dict[str, ServedModel], change: dict[str, Any], param: str, says: str
) -> None:
    async with in_process(models) as http:
        body = {"model": "best_of_n/toy", "messages": QUESTION, "tools": TOOLS, **change}
        reply = await http.post("/v1/chat/completions", json=body)
        assert reply.status_code == 400
        assert reply.json()["error"]["param"] == param
        assert says in reply.json()["error"]["message"]
