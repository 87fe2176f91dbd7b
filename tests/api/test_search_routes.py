"""The search API over a real server: start, watch, cancel, resume, delete."""

import asyncio
import json
import math
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest
from langgraph.config import get_stream_writer

from its_graph.api.model_catalog import ServedModel
from its_graph.catalog.registry import STRATEGIES
from its_graph.contracts import SampleRequest
from its_graph.errors import CassetteMissError
from its_graph.routing.default_policy import default_policy
from its_graph.search.events import rebuild
from its_graph.search.tree import Tree
from its_graph.testing import ScriptedGenerator, ToyGenerator, ToyVerifier
from tests.api.servers import (
    QUESTION,
    GatedGenerator,
    in_process,
    open_events,
    read_events,
    serve,
    start_search,
    wait_for_status,
)


async def test_a_search_is_started_watched_and_read() -> None:
    async with serve() as served:
        reply = await served.http.post(
            "/search", json={"problem": "Add 3, 5, 4.", "strategy": "beam_search", "options": {"n": 8}, "seed": 3}
        )
        assert reply.status_code == 201
        status = reply.json()
        assert reply.headers["location"] == f"/search/{status['id']}"
        assert status["status"] == "running"
        assert (status["strategy"], status["model"], status["seed"]) == ("beam_search", "toy", 3)
        assert status["question"] == [{"role": "user", "content": "Add 3, 5, 4."}]
        events = await read_events(served.http, f"/search/{status['id']}/events")
        log = str(events[0].id).removesuffix("-0")
        assert [event.id for event in events] == [f"{log}-{number}" for number in range(len(events))]
        assert all(event.kind == event.data["type"] for event in events)
        assert events[0].kind == "its.search_started"
        assert events[-1].data == {"type": "its.ended", "status": "done", "error": None}
        done = (await served.http.get(f"/search/{status['id']}")).json()
        assert done["status"] == "done"
        assert done["result"]["answer"] == "12"
        assert done["events"] == len(events)
        assert done["spend"] == done["result"]["spend"]
        tree = Tree.of(rebuild(event.data for event in events))
        assert tree.spend._asdict() == done["spend"]


async def test_the_same_seed_gives_the_same_search() -> None:
    async with serve() as served:
        texts = []
        for _ in range(2):
            id = await start_search(served.http, strategy="beam_search", seed=5)
            texts.append((await wait_for_status(served.http, id, "done"))["result"]["candidates"])
        assert texts[0] == texts[1]


async def test_the_reply_can_be_the_event_stream(gated: GatedGenerator) -> None:
    async with serve({"toy": ServedModel(gated, ToyVerifier())}) as served:
        body = {"problem": "Add 3, 5, 4.", "strategy": "beam_search", "stream": True}
        async with open_events(served.http, "POST", "/search", json=body) as events:
            kinds = [(await anext(events)).kind]
            await gated.batch_requested.acquire()
            gated.allow_batches()
            kinds.append((await anext(events)).kind)
            await gated.batch_requested.acquire()  # the second round waits; the first round's steps have arrived
            gated.allow_batches(100)
            kinds += [event.kind async for event in events]
        assert kinds[:2] == ["its.search_started", "its.step_added"]
        assert kinds[-2:] == ["its.answered", "its.ended"]


async def test_the_catalog_lists_models_strategies_and_options() -> None:
    async with serve(
        {"toy": ServedModel(ToyGenerator(), ToyVerifier()), "other": ServedModel(ToyGenerator())}
    ) as served:
        catalog = (await served.http.get("/catalog")).json()
    assert catalog["models"] == ["toy", "other"]
    assert [strategy["name"] for strategy in catalog["strategies"]] == list(STRATEGIES)
    beam = next(strategy for strategy in catalog["strategies"] if strategy["name"] == "beam_search")
    assert beam["options"] == {"n": 16, "width": 4, "max_steps": 40, "lookahead": 0}
    assert beam["needs"] == ["verifier", "continuation"]
    assert beam["steerable"]
    assert catalog["defaults"] == {"model": "toy", "strategy": "best_of_n"}


async def test_event_streams_resume_after_the_last_event_id() -> None:
    async with serve() as served:
        id = await start_search(served.http)
        await wait_for_status(served.http, id, "done")
        whole = await read_events(served.http, f"/search/{id}/events")
        rest = await read_events(served.http, f"/search/{id}/events", headers={"Last-Event-ID": str(whole[4].id)})
        assert rest == whole[5:]
        log = str(whole[0].id).removesuffix("-0")
        for unknown_id in ("4", "last", "", f"{log}-", f"{log}--1", f"{log}-{len(whole)}", f"{log}0-4"):
            replayed = await read_events(served.http, f"/search/{id}/events", headers={"Last-Event-ID": unknown_id})
            assert replayed == whole, unknown_id


async def test_two_subscribers_get_the_same_events(gated: GatedGenerator) -> None:
    async with serve({"toy": ServedModel(gated, ToyVerifier())}) as served:
        id = await start_search(served.http, strategy="beam_search")
        early = asyncio.create_task(read_events(served.http, f"/search/{id}/events"))
        await gated.batch_requested.acquire()
        gated.allow_batches()
        await gated.batch_requested.acquire()
        late = asyncio.create_task(read_events(served.http, f"/search/{id}/events"))
        gated.allow_batches(100)
        assert await early == await late


async def test_disconnecting_does_not_cancel_a_search(gated: GatedGenerator) -> None:
    async with serve({"toy": ServedModel(gated, ToyVerifier())}) as served:
        body = {"problem": "Add 3, 5, 4.", "stream": True}
        async with open_events(served.http, "POST", "/search", json=body) as events:
            await anext(events)
        [left] = (await served.http.get("/search")).json()["searches"]
        gated.allow_batches(100)
        await wait_for_status(served.http, left["id"], "done")


async def test_cancelling_cancels_model_calls_and_resuming_continues(gated: GatedGenerator) -> None:
    async with serve({"toy": ServedModel(gated, ToyVerifier())}) as served:
        id = await start_search(served.http, strategy="beam_search", seed=3)
        await gated.batch_requested.acquire()
        gated.allow_batches()
        await gated.batch_requested.acquire()
        cancelled = (await served.http.post(f"/search/{id}/cancel")).json()
        assert gated.calls_cancelled.is_set()
        assert cancelled["status"] == "cancelled"
        assert cancelled["spend"]["calls"] > 0
        first = await read_events(served.http, f"/search/{id}/events")
        assert first[-1].data["status"] == "cancelled"
        gated.allow_batches(100)
        assert (await served.http.post(f"/search/{id}/resume")).status_code == 200
        resumed = await wait_for_status(served.http, id, "done")
        events = await read_events(served.http, f"/search/{id}/events")
        assert [event.kind for event in events].count("its.ended") == 1
        assert [event.kind for event in events].count("its.search_started") == 1
        whole = await wait_for_status(
            served.http, await start_search(served.http, strategy="beam_search", seed=3), "done"
        )
        assert resumed["result"]["candidates"] == whole["result"]["candidates"]


async def test_a_search_cancelled_before_it_ran_can_be_resumed(gated: GatedGenerator) -> None:
    async with serve({"toy": ServedModel(gated, ToyVerifier())}) as served:
        id = await start_search(served.http)
        search = await served.app.state.searches.get(id)
        await search.cancel()
        search.graph.checkpointer.delete_thread(id)
        gated.allow_batches(100)
        await served.http.post(f"/search/{id}/resume")
        await wait_for_status(served.http, id, "done")


class BrokenOnce(ToyGenerator):
    """Fails the whole search once, at its third batch."""

    batches = 0

    async def abatch_as_completed(self, inputs: Sequence[SampleRequest], *args: Any, **kwargs: Any) -> Any:
        self.batches += 1
        if self.batches == 3:
            raise CassetteMissError("the tape is torn")
        async for reply in super().abatch_as_completed(inputs, *args, **kwargs):
            yield reply


async def test_a_failed_search_resumes_from_its_last_checkpoint() -> None:
    broken = BrokenOnce()
    async with serve({"toy": ServedModel(broken, ToyVerifier())}) as served:
        id = await start_search(served.http, strategy="beam_search", seed=3)
        failed = await wait_for_status(served.http, id, "failed")
        assert failed["error"] == "the tape is torn"
        assert (await read_events(served.http, f"/search/{id}/events"))[-1].data["error"] == "the tape is torn"
        await served.http.post(f"/search/{id}/resume")
        done = await wait_for_status(served.http, id, "done")
        assert done["error"] is None
        rounds, broken.batches = broken.batches, 100
        whole = await wait_for_status(
            served.http, await start_search(served.http, strategy="beam_search", seed=3), "done"
        )
        assert done["result"]["candidates"] == whole["result"]["candidates"]
        assert rounds == broken.batches - 100 + 1  # only the failed round is repeated


def nested(depth: int) -> list[Any]:
    return [nested(depth - 1)] if depth else []


@pytest.mark.parametrize(
    ("body", "param", "says"),
    [
        ({}, None, "set either"),
        ({"problem": "Add 1, 2.", "messages": [{"role": "user", "content": "x"}]}, None, "set either"),
        ({"problem": "  "}, None, "must not be empty"),
        ({"messages": []}, "messages", "at least 1"),
        ({"messages": [{"content": "x"}]}, "messages", "must be chat messages"),
        ({"problem": "Add 1, 2.", "strategy": "beam"}, "strategy", "Unknown strategy 'beam'"),
        ({"problem": "Add 1, 2.", "model": "gpt"}, "model", "Unknown model 'gpt'. Available: toy"),
        ({"problem": "Add 1, 2.", "options": {"n": "4"}}, "options.n", "valid integer"),
        ({"problem": "Add 1, 2.", "options": {"n": 1_000_000}}, "options.n", "1024"),
        ({"problem": "Add 1, 2.", "options": {"n": 0}}, "options", "n >= 1"),
        ({"problem": "Add 1, 2.", "options": {"m": 4}}, "options.m", "Available options: n"),
        ({"problem": "Add 1, 2.", "budget": {"tokens": -1}}, "budget.tokens", "greater than"),
        ({"problem": "Add 1, 2.", "budget": {"token": 1}}, "budget.token", "not permitted"),
        ({"problem": "Add 1, 2.", "temperature": -1}, "temperature", "greater than"),
        ({"problem": "Add 1, 2.", "steer": {"every": 2}}, "steer", "does not support steering"),
        ({"problem": "Add 1, 2.", "seed": 2**63}, "seed", "seed: Input should be less than"),
        ({"problem": "Add 1, 2.", "seed": -(2**70)}, "seed", "seed: Input should be greater than"),
        ({"problem": "Add 1, 2.", "max_tokens": 2**70}, "max_tokens", "less than"),
        ({"problem": "Add 1, 2.", "budget": {"calls": 2**70}}, "budget.calls", "budget.calls: Input should be less"),
        ({"messages": [{"role": "user", "content": "x", "name": 2**70}]}, "messages", "more than 64 bits"),
        ({"problem": "Add 1, 2.", "optoins": {}}, "optoins", "not permitted"),
        ({"problem": "Add 1, 2.", "temperature": math.inf}, "temperature", "finite"),
        ({"problem": "Add 1, 2.", "budget": {"seconds": math.inf}}, "budget.seconds", "finite"),
        ({"problem": "Add 1, \ud800."}, "problem", "lone surrogates"),
        ({"problem": "Add 1, 2.", "system": "\ud800"}, "system", "lone surrogates"),
        ({"messages": [{"role": "user", "content": "\ud800"}]}, "messages", "lone surrogates"),
        ({"messages": [{"role": "user", "content": [{"type": "text"}]}]}, "messages", "must be chat messages"),
        ({"problem": "Add 1, 2.", "options": {"prompts": ["\ud800"]}}, "options", "lone surrogates"),
        ({"problem": "Add 1, 2.", "options": {"n": nested(300)}}, "options", "nested too deeply"),
        ({"problem": "Add 1, 2.", "options": {"n": nested(245)}}, "options", "nested too deeply"),
    ],
)
async def test_invalid_requests_are_rejected_by_field(body: dict[str, Any], param: str | None, says: str) -> None:
    async with in_process() as http:
        # Python's JSON, which writes NaN and infinity, and escapes lone surrogates.
        reply = await http.post("/search", content=json.dumps(body), headers={"Content-Type": "application/json"})
        assert reply.status_code == 422
        error = reply.json()["error"]
        assert error["param"] == param
        assert says in error["message"]
        assert (await http.get("/search")).json() == {"searches": []}


async def test_invalid_json_is_rejected() -> None:
    async with in_process() as http:
        reply = await http.post("/search", content=b"{", headers={"Content-Type": "application/json"})
        assert reply.status_code == 422
        assert "JSON" in reply.json()["error"]["message"]


async def test_unknown_searches_and_wrong_states_are_errors() -> None:
    async with serve() as served:
        for method, path in [("GET", ""), ("GET", "/events"), ("POST", "/cancel"), ("POST", "/resume")]:
            reply = await served.http.request(method, f"/search/none{path}")
            assert reply.status_code == 404
            assert "There is no search 'none'" in reply.json()["error"]["message"]
        assert (await served.http.get("/nothing")).json()["error"]["message"] == "GET /nothing: Not Found"
        id = await start_search(served.http)
        await wait_for_status(served.http, id, "done")
        assert (await served.http.post(f"/search/{id}/resume")).status_code == 409
        assert (await served.http.post(f"/search/{id}/steer", json={})).status_code == 409
        assert (await served.http.post(f"/search/{id}/cancel")).json()["status"] == "done"


async def test_the_newest_search_comes_first() -> None:
    async with serve() as served:
        ids = [await start_search(served.http) for _ in range(3)]
        listed = (await served.http.get("/search")).json()["searches"]
        assert [search["id"] for search in listed] == ids[::-1]
        assert not {"result", "human_request"} & set(listed[0])


async def test_a_list_shows_a_preview_of_the_question() -> None:
    async with serve() as served:
        question = "Add 3, 5, 4." + " " * 1000
        id = await start_search(served.http, problem=question)
        [listed] = (await served.http.get("/search")).json()["searches"]
        assert listed["question"] == [{"role": "user", "content": question[:200]}]
        assert (await served.http.get(f"/search/{id}")).json()["question"] == [{"role": "user", "content": question}]


async def test_null_means_no_budget_and_no_options() -> None:
    async with serve() as served:
        await wait_for_status(served.http, await start_search(served.http, budget=None, options=None), "done")


async def test_lone_surrogates_in_model_output_are_returned() -> None:
    text = r"\ud800 \boxed{3}".replace(r"\ud800", "\ud800")
    async with serve({"toy": ServedModel(ScriptedGenerator(lambda request: text))}) as served:
        id = await start_search(served.http, options={"n": 2})
        assert (await wait_for_status(served.http, id, "done"))["result"]["text"] == text
        events = await read_events(served.http, f"/search/{id}/events")
        assert events[1].data["step"]["text"] == text
        assert (await served.http.get("/search")).status_code == 200
        done = await served.openai.chat.completions.create(model="toy", messages=QUESTION)
        assert done.choices[0].message.content == text


async def test_lone_surrogates_in_a_reply_are_rejected() -> None:
    async with serve() as served:
        id = await start_search(served.http, strategy="beam_search", steer={"every": 1})
        await wait_for_status(served.http, id, "waiting")
        content = json.dumps({"hint": "\ud800"})
        refused = await served.http.post(
            f"/search/{id}/steer", content=content, headers={"Content-Type": "application/json"}
        )
        assert refused.status_code == 422
        assert (await served.http.get(f"/search/{id}")).json()["status"] == "waiting"


@pytest.mark.parametrize("word", ["progress", {"type": "progress"}, {"type": 3}, None])
async def test_custom_stream_data_of_models_is_not_an_event(word: Any) -> None:
    class Chatty(ToyGenerator):
        async def abatch_as_completed(self, *args: Any, **kwargs: Any) -> AsyncIterator[Any]:
            get_stream_writer()(word)
            async for reply in super().abatch_as_completed(*args, **kwargs):
                yield reply

    async with serve({"toy": ServedModel(Chatty(), ToyVerifier())}) as served:
        id = await start_search(served.http)
        await wait_for_status(served.http, id, "done")
        assert all(
            event.kind and event.kind.startswith("its.")
            for event in await read_events(served.http, f"/search/{id}/events")
        )


async def test_cancelling_after_the_answer_has_no_effect(gated: GatedGenerator) -> None:
    async with serve({"toy": ServedModel(gated, ToyVerifier())}) as served:
        id = await start_search(served.http)
        await gated.batch_requested.acquire()
        search = await served.app.state.searches.get(id)
        reading = asyncio.Event()

        async def never(config: Any) -> None:
            reading.set()
            await asyncio.Event().wait()

        search.graph.aget_state = never
        gated.allow_batches()
        await reading.wait()
        ended = (await served.http.post(f"/search/{id}/cancel")).json()
        assert (ended["status"], ended["result"]["answer"]) == ("done", "12")
        assert (await served.http.post(f"/search/{id}/resume")).status_code == 409


async def test_resuming_after_the_answer_makes_no_calls() -> None:
    generator = ToyGenerator()
    async with serve({"toy": ServedModel(generator, ToyVerifier())}) as served:
        id = await start_search(served.http)
        original = await wait_for_status(served.http, id, "done")
        calls = len(generator.requests)
        search = await served.app.state.searches.get(id)
        search.status, search.result = "cancelled", None  # as if it had been cancelled just before the event
        await served.http.post(f"/search/{id}/resume")
        assert (await wait_for_status(served.http, id, "done"))["result"] == original["result"]
        assert len(generator.requests) == calls


async def test_server_options_may_hold_what_requests_cannot_set() -> None:
    policy = default_policy("agreement", pilots=2)
    async with serve(options={"compute_optimal": {"policy": policy}}) as served:
        done = await wait_for_status(served.http, await start_search(served.http, strategy="compute_optimal"), "done")
        assert done["result"]["route"]["estimator"] == "agreement"
        plain = {"problem": "Add 1, 2.", "strategy": "compute_optimal", "options": {"policy": "/etc/hostname"}}
        assert (await served.http.post("/search", json=plain)).status_code == 422
