"""How many searches run at once, and how many are retained."""

import asyncio
import threading
from typing import Any

import openai
import pytest
from langgraph.checkpoint.memory import InMemorySaver

from its_graph.api.model_catalog import ServedModel
from its_graph.contracts import SampleRequest
from its_graph.testing import ToyGenerator, ToyVerifier
from tests.api.servers import QUESTION, GatedGenerator, open_events, read_events, serve, start_search, wait_for_status


async def test_searches_over_the_limit_get_429(gated: GatedGenerator) -> None:
    async with serve({"toy": ServedModel(gated, ToyVerifier())}, max_searches=2) as served:
        ids = [await start_search(served.http) for _ in range(2)]
        refused = await served.http.post("/search", json={"problem": "Add 1, 2."})
        assert refused.status_code == 429
        assert refused.headers["retry-after"] == "1"
        assert refused.json()["error"]["code"] == "too_many_searches"
        with pytest.raises(openai.RateLimitError, match="limit of 2 concurrent searches"):
            await served.openai.chat.completions.create(model="toy", messages=QUESTION)
        assert len((await served.http.get("/search")).json()["searches"]) == 2
        await served.http.post(f"/search/{ids[0]}/cancel")
        gated.allow_batches(100)
        await wait_for_status(served.http, await start_search(served.http), "done")
        await wait_for_status(served.http, ids[1], "done")


async def test_the_oldest_ended_search_is_evicted_with_its_thread(gated: GatedGenerator) -> None:
    async with serve({"toy": ServedModel(gated, ToyVerifier())}, max_retained=2) as served:
        runs = await start_search(served.http)
        gated.allow_batches(1)
        await wait_for_status(served.http, runs, "done")
        await gated.batch_requested.acquire()
        stays = await start_search(served.http)
        await gated.batch_requested.acquire()
        memory = (await served.app.state.searches.get(runs)).graph.checkpointer
        assert memory.get_tuple({"configurable": {"thread_id": runs}}) is not None
        last = await start_search(served.http)
        listed = [search["id"] for search in (await served.http.get("/search")).json()["searches"]]
        assert listed == [last, stays]
        assert (await served.http.get(f"/search/{runs}")).status_code == 404
        assert memory.get_tuple({"configurable": {"thread_id": runs}}) is None
        refused = await served.http.post("/search", json={"problem": "Add 1, 2."})
        assert refused.status_code == 429


async def test_a_failing_search_does_not_affect_others(gated: GatedGenerator) -> None:
    async with serve({"toy": ServedModel(gated, ToyVerifier())}) as served:
        good = await start_search(served.http)
        await gated.batch_requested.acquire()
        bodies: list[Any] = [{"problem": "Add 1.", "options": {"n": -1}}, {"problem": "", "model": 3}, []]
        for body in bodies:
            assert (await served.http.post("/search", json=body)).status_code == 422
        bad = await start_search(served.http, problem="no numbers here")
        await gated.batch_requested.acquire()
        gated.allow_batches(100)
        await wait_for_status(served.http, bad, "failed")
        await wait_for_status(served.http, good, "done")


async def test_closing_the_server_cancels_its_searches(gated: GatedGenerator) -> None:
    async with serve({"toy": ServedModel(gated, ToyVerifier())}) as served:
        ids = [await start_search(served.http) for _ in range(3)]
        for _ in ids:
            await gated.batch_requested.acquire()
        listeners = [asyncio.create_task(read_events(served.http, f"/search/{id}/events")) for id in ids]
        blocked = asyncio.create_task(served.openai.chat.completions.create(model="toy", messages=QUESTION))
        await gated.batch_requested.acquire()
        closing = asyncio.create_task(served.app.state.searches.close())
        for events in await asyncio.gather(*listeners):
            assert events[-1].data["status"] == "cancelled"
        with pytest.raises(openai.ConflictError):
            await blocked
        await closing
        refused = await served.http.post("/search", json={"problem": "Add 1, 2."})
        assert refused.status_code == 503
    assert gated.calls_cancelled.is_set()


async def test_the_oldest_waiting_search_is_evicted_and_cancelled() -> None:
    async with serve(max_retained=2) as served:
        ids = [await start_search(served.http, strategy="beam_search", steer={"every": 1}) for _ in range(2)]
        for id in ids:
            await wait_for_status(served.http, id, "waiting")
        async with open_events(served.http, "GET", f"/search/{ids[0]}/events") as events:
            await anext(events)
            await wait_for_status(served.http, await start_search(served.http), "done")
            *_, last = [event.data async for event in events]
        assert last == {"type": "its.ended", "status": "cancelled", "error": None}
        assert (await served.http.get(f"/search/{ids[0]}")).status_code == 404
        await start_search(served.http)  # an ended search is evicted before a waiting one
        assert (await served.http.get(f"/search/{ids[1]}")).json()["status"] == "waiting"


async def test_a_restored_search_is_not_evicted_at_once(gated: GatedGenerator) -> None:
    models = {"toy": ServedModel(ToyGenerator(), ToyVerifier()), "gated": ServedModel(gated, ToyVerifier())}
    async with serve(models, checkpointer=InMemorySaver(), max_retained=1) as served:
        done = await start_search(served.http)
        await wait_for_status(served.http, done, "done")
        await start_search(served.http, model="gated")
        await gated.batch_requested.acquire()
        restored = await served.app.state.searches.get(done)
        assert await served.app.state.searches.get(done) is restored


async def test_tokens_of_a_question_are_counted_in_a_thread() -> None:
    threads: list[threading.Thread] = []

    class Slow(ToyGenerator):
        def prompt_tokens(self, request: SampleRequest) -> int:
            threads.append(threading.current_thread())
            return super().prompt_tokens(request)

    async with serve({"toy": ServedModel(Slow(), ToyVerifier())}) as served:
        await start_search(served.http)
    assert threads[0] is not threading.main_thread()
