"""OpenAI's API, called with OpenAI's own client and with LangChain's."""

import asyncio
from typing import Any

import httpx
import openai
import pytest
from langchain_openai import ChatOpenAI
from pydantic import SecretStr

from its_graph.api.model_catalog import ServedModel
from its_graph.contracts import Sample, SampleRequest
from its_graph.errors import InputError
from its_graph.testing import ScriptedGenerator, ToyGenerator, ToyVerifier
from tests.api.servers import QUESTION, GatedGenerator, in_process, open_events, serve, wait_for_status


async def test_every_supported_strategy_and_model_is_listed() -> None:
    models = {"toy": ServedModel(ToyGenerator(), ToyVerifier()), "org/plain": ServedModel(ScriptedGenerator(str))}
    async with serve(models) as served:
        ids = [model.id async for model in served.openai.models.list()]
        assert ids[:2] == ["toy", "org/plain"]
        assert {"single/toy", "beam_search/toy", "self_consistency/org/plain"} <= set(ids)
        assert "beam_search/org/plain" not in ids
        for id in ("toy", "self_consistency/org/plain"):
            assert (await served.openai.models.retrieve(id)).id == id
        with pytest.raises(openai.NotFoundError, match="does not exist"):
            await served.openai.models.retrieve("beam_search/org/plain")


async def test_the_answer_of_a_search_is_the_completion() -> None:
    async with serve() as served:
        done = await served.openai.chat.completions.create(
            model="beam_search/toy", messages=QUESTION, seed=1, extra_body={"options": {"n": 8, "width": 2}}
        )
        [choice] = done.choices
        assert choice.message.content == "3 + 5 = 8\n\n8 + 4 = 12\n\n\\boxed{12}"
        assert choice.finish_reason == "stop"
        assert done.model == "beam_search/toy"
        its = done.model_extra["its"]
        assert (its["strategy"], its["answer"], its["stop_reason"], its["seed"]) == (
            "beam_search",
            "12",
            "completed",
            1,
        )
        assert its["spend"]["verifier_tokens"] > 0
        assert done.usage.completion_tokens == its["spend"]["generated_tokens"] > len(choice.message.content.split())
        assert done.usage.total_tokens == its["spend"]["generated_tokens"] + its["spend"]["prompt_tokens"]
        search = await wait_for_status(served.http, its["search"], "done")
        assert search["result"]["spend"] == its["spend"]


async def test_a_bare_model_is_sampled_once() -> None:
    generator = ToyGenerator()
    async with serve({"toy": ServedModel(generator)}) as served:
        done = await served.openai.chat.completions.create(model="toy", messages=QUESTION)
        assert done.model_extra["its"]["strategy"] == "single"
        assert len(generator.requests) == 1


async def test_the_fields_of_a_request_reach_the_model() -> None:
    generator = ToyGenerator()
    async with serve({"toy": ServedModel(generator)}) as served:
        await served.openai.chat.completions.create(
            model="self_consistency/toy",
            messages=[{"role": "system", "content": "Be brief."}, *QUESTION],
            temperature=0.5,
            top_p=0.9,
            max_completion_tokens=50,
            n=1,
            user="me",
            extra_body={"options": {"n": 3}},
        )
    assert len(generator.requests) == 3
    sample_request = generator.requests[0]
    assert (sample_request.temperature, sample_request.top_p, sample_request.max_tokens) == (0.5, 0.9, 50)
    assert [message["role"] for message in sample_request.messages] == ["system", "user"]


async def test_a_budget_is_enforced() -> None:
    async with serve() as served:
        done = await served.openai.chat.completions.create(
            model="best_of_n/toy", messages=QUESTION, extra_body={"budget": {"calls": 5}}
        )
        assert done.model_extra["its"]["spend"]["calls"] <= 5
        assert done.model_extra["its"]["stop_reason"] == "budget"
        nothing = await served.openai.chat.completions.create(
            model="best_of_n/toy", messages=QUESTION, extra_body={"budget": {"calls": 0}}
        )
        assert nothing.choices[0].finish_reason == "length"
        assert nothing.choices[0].message.content == ""


async def test_a_truncated_winner_has_finish_reason_length() -> None:
    def ramble(request: SampleRequest) -> Sample:
        return Sample(text=r"so \boxed{1} and", finish_reason="length", generated_tokens=3)

    async with serve({"toy": ServedModel(ScriptedGenerator(ramble))}) as served:
        done = await served.openai.chat.completions.create(model="self_consistency/toy", messages=QUESTION)
        assert done.choices[0].finish_reason == "length"


async def test_steps_stream_as_reasoning_before_the_answer(gated: GatedGenerator) -> None:
    async with serve({"toy": ServedModel(gated, ToyVerifier())}) as served:
        stream = await served.openai.chat.completions.create(
            model="beam_search/toy", messages=QUESTION, seed=1, stream=True, stream_options={"include_usage": True}
        )
        chunks = [await anext(stream)]
        gated.allow_batches(1)
        chunks.append(await anext(stream))
        assert gated.permits.locked()  # the second round cannot have started to answer
        assert "3 + 5 = 8\n" in chunks[1].choices[0].delta.model_extra["reasoning_content"]
        gated.allow_batches(100)
        chunks += [chunk async for chunk in stream]
        *content_chunks, last, usage = chunks
        deltas = [chunk.choices[0].delta for chunk in content_chunks]
        assert deltas[0].role == "assistant"
        kinds = ["reasoning" if "reasoning_content" in delta.model_extra else "text" for delta in deltas[1:]]
        assert kinds == sorted(kinds)  # no reasoning after the answer
        assert "".join(delta.content or "" for delta in deltas) == "3 + 5 = 8\n\n8 + 4 = 12\n\n\\boxed{12}"
        assert last.choices[0].finish_reason == "stop"
        assert usage.choices == []
        assert usage.usage.completion_tokens == last.model_extra["its"]["spend"]["generated_tokens"]
        assert all(chunk.usage is None for chunk in [*content_chunks, last])
        assert len({chunk.id for chunk in chunks}) == 1


async def test_a_stream_reports_usage_only_on_request() -> None:
    async with (
        serve() as served,
        open_events(
            served.http,
            "POST",
            "/v1/chat/completions",
            json={"model": "best_of_n/toy", "messages": QUESTION, "stream": True},
        ) as events,
    ):
        chunks = [event.data async for event in events]
    assert chunks[-1] == "[DONE]"
    assert not any("usage" in chunk for chunk in chunks[:-1])
    reasoning = [chunk["choices"][0]["delta"].get("reasoning_content", "") for chunk in chunks[:-1]]
    assert "".join(reasoning).count("Solution") == 16


async def test_disconnecting_from_a_stream_cancels_the_search_and_its_calls(gated: GatedGenerator) -> None:
    async with serve({"toy": ServedModel(gated, ToyVerifier())}) as served:
        stream = await served.openai.chat.completions.create(model="beam_search/toy", messages=QUESTION, stream=True)
        await anext(stream)
        await gated.batch_requested.acquire()
        await stream.close()
        await gated.calls_cancelled.wait()
        [left] = (await served.http.get("/search")).json()["searches"]
        await wait_for_status(served.http, left["id"], "cancelled")
        gated.allow_batches(100)
        assert gated.batches == 1


async def test_disconnecting_before_the_reply_cancels_the_search(gated: GatedGenerator) -> None:
    async with serve({"toy": ServedModel(gated, ToyVerifier())}) as served:
        pending = asyncio.create_task(served.openai.chat.completions.create(model="beam_search/toy", messages=QUESTION))
        await gated.batch_requested.acquire()
        pending.cancel()
        await gated.calls_cancelled.wait()
        [left] = (await served.http.get("/search")).json()["searches"]
        await wait_for_status(served.http, left["id"], "cancelled")


async def test_clients_of_a_cancelled_search_get_an_error(gated: GatedGenerator) -> None:
    async with serve({"toy": ServedModel(gated, ToyVerifier())}) as served:
        create = served.openai.chat.completions.create
        whole = asyncio.create_task(create(model="best_of_n/toy", messages=QUESTION))
        stream = await create(model="best_of_n/toy", messages=QUESTION, stream=True)
        for _ in range(2):
            await gated.batch_requested.acquire()
        for search in (await served.http.get("/search")).json()["searches"]:
            await served.http.post(f"/search/{search['id']}/cancel")
        with pytest.raises(openai.ConflictError, match="was cancelled"):
            await whole
        with pytest.raises(openai.APIError, match="was cancelled"):
            [chunk async for chunk in stream]


def refuse(request: SampleRequest) -> str:
    raise InputError("I know nothing of this.")


def fail(request: SampleRequest) -> str:
    raise RuntimeError("out of order")


async def test_rejected_questions_are_client_errors_and_failures_are_server_errors() -> None:
    models = {name: ServedModel(ScriptedGenerator(script)) for name, script in (("picky", refuse), ("sick", fail))}
    async with serve(models) as served:
        create = served.openai.chat.completions.create
        with pytest.raises(openai.BadRequestError, match="I know nothing of this"):
            await create(model="picky", messages=QUESTION)
        with pytest.raises(openai.InternalServerError, match="out of order") as failed:
            await create(model="sick", messages=QUESTION)
        assert failed.value.response.headers["x-should-retry"] == "false"
        with pytest.raises(openai.APIError, match="out of order"):
            [chunk async for chunk in await create(model="sick", messages=QUESTION, stream=True)]


async def test_a_failure_before_the_first_event_is_an_http_error_in_a_stream_too() -> None:
    class Broken(ToyGenerator):
        def prompt_tokens(self, request: SampleRequest) -> int:
            raise InputError("not for me")

    async with serve({"toy": ServedModel(Broken())}) as served:
        with pytest.raises(openai.BadRequestError, match="not for me"):
            await served.openai.chat.completions.create(model="toy", messages=QUESTION, stream=True)
        assert (await served.http.get("/search")).json()["searches"] == []


@pytest.mark.parametrize("stream", [False, True])
async def test_langchains_client_works(stream: bool) -> None:
    async with serve() as served:
        model = ChatOpenAI(
            model="best_of_n/toy",
            base_url=f"{served.url}/v1",
            api_key=SecretStr("none"),
            streaming=stream,
            stream_usage=True,
            seed=1,
        )
        message = await model.ainvoke("Add 3, 5, 4.")
        assert message.text.endswith(r"\boxed{12}")
        assert message.usage_metadata is not None
        assert message.usage_metadata["output_tokens"] > 100


REFUSED: list[tuple[dict[str, Any], int, str | None, str]] = [
    ({"model": "gpt-4"}, 404, "model", "does not exist"),
    ({"model": "beam/toy"}, 404, "model", "does not exist"),
    ({"model": None}, 400, "model", "valid string"),
    ({"messages": []}, 400, "messages", "at least 1 item"),
    ({"messages": [{"role": "robot", "content": "x"}]}, 400, "messages", "must be chat messages"),
    ({"messages": [{"role": "user", "content": " "}]}, 400, "messages", "No question given"),
    ({"n": 2}, 400, "n", "only the best answer is returned"),
    ({"stop": ["\n"]}, 400, "stop", "not supported"),
    ({"logprobs": True}, 400, "logprobs", "not supported"),
    ({"response_format": {"type": "json_object"}}, 400, "response_format", "must have the type `text`"),
    ({"temperature": -0.5}, 400, "temperature", "greater than"),
    ({"top_p": 0}, 400, "top_p", "greater than"),
    ({"max_tokens": 0}, 400, "max_tokens", "greater than"),
    ({"max_tokens": 2**70}, 400, "max_tokens", "max_tokens: Input should be less than"),
    ({"max_completion_tokens": 2**70}, 400, "max_completion_tokens", "less than"),
    ({"seed": 2**63}, 400, "seed", "seed: Input should be less than"),
    ({"budget": {"tokens": 2**70}}, 400, "budget.tokens", "less than"),
    ({"budget": {"tokens": "many"}}, 400, "budget.tokens", "valid integer"),
    ({"budget": {"euros": 1}}, 400, "budget.euros", "not permitted"),
    ({"options": {"width": 3}}, 400, "options.width", "no option 'width'"),
    ({"options": {"n": 0}}, 400, "options", "n >= 1"),
    ({"modalities": ["text", "audio"]}, 400, "modalities.1", "'text'"),
    ({"unheard": 1}, 400, "unheard", "not permitted"),
    ({"tools": [{"type": "function"}]}, 400, "tools.0.function", "required"),
]


@pytest.mark.parametrize(("change", "status", "param", "says"), REFUSED)
async def test_unsupported_requests_are_rejected_by_field(
    change: dict[str, Any], status: int, param: str | None, says: str
) -> None:
    async with in_process() as http:
        body = {"model": "best_of_n/toy", "messages": QUESTION, **change}
        for stream in (False, True):
            reply = await http.post("/v1/chat/completions", json={**body, "stream": stream})
            error = reply.json()["error"]
            assert (reply.status_code, error["param"], error["type"]) == (status, param, "invalid_request_error")
            assert says in error["message"]


async def test_harmless_fields_and_empty_values_are_ignored() -> None:
    async with in_process() as http:
        body = {"model": "toy", "messages": QUESTION, "stop": [], "presence_penalty": 0, "metadata": {"a": "b"}}
        ignored = {"reasoning_effort": "low", "verbosity": "low", "prompt_cache_retention": "24h"}
        of_text = {"response_format": {"type": "text"}, "modalities": ["text"]}
        nothing = {"budget": None, "options": None}
        reply: httpx.Response = await http.post("/v1/chat/completions", json=body | ignored | of_text | nothing)
        assert reply.status_code == 200


def history(calls: Any) -> list[dict[str, Any]]:
    return [*QUESTION, {"role": "assistant", "content": None, "tool_calls": calls}, *QUESTION]


def called(**function: Any) -> dict[str, Any]:
    return {"id": "call_1", "type": "function", "function": function}


async def test_a_tool_call_without_arguments_is_accepted() -> None:
    generator = ToyGenerator()
    async with in_process({"toy": ServedModel(generator)}) as http:
        messages = history([called(name="now", arguments="")])
        reply = await http.post("/v1/chat/completions", json={"model": "toy", "messages": messages})
        assert reply.status_code == 200
    [request] = generator.requests
    assert request.messages[1]["tool_calls"][0]["function"] == {"name": "now", "arguments": "{}"}


@pytest.mark.parametrize(
    ("messages", "says"),
    [
        (
            history([called(name="a", arguments="{}"), called(name="b", arguments="{")]),
            "1.tool_calls.1.function.arguments",
        ),
        (history([called(name="a", arguments="[1]")]), "1.tool_calls.0.function.arguments: must be a JSON object"),
        (history([called(name="a")]), "1.tool_calls.0: must be a function with `name` and `arguments`"),
        (history("all"), "1.tool_calls: must be a list"),
        ([*QUESTION, {"role": "tool", "content": "x"}], "1: 'tool_call_id' is missing"),
        ([*QUESTION, {"role": "user", "content": 5}], "1.content: Input should be a valid string"),
    ],
)
async def test_errors_in_messages_name_the_message_and_the_field(messages: Any, says: str) -> None:
    async with in_process() as http:
        reply = await http.post("/v1/chat/completions", json={"model": "toy", "messages": messages})
    assert (reply.status_code, reply.json()["error"]["param"]) == (400, "messages")
    assert f"must be chat messages; messages.{says}" in reply.json()["error"]["message"]
