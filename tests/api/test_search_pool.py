"""How many searches run, and how many are remembered."""

import asyncio
import threading
from typing import Any

import openai
import pytest
from langgraph.checkpoint.memory import InMemorySaver

from its_graph.api.model_catalog import ServedModel
from its_graph.contracts import SampleRequest
from its_graph.testing import ToyGenerator, ToyVerifier
from tests.api.servers import QUESTION, GatedGenerator, begun, heard, listening, serve, stood


async def test_one_more_than_may_run_is_told_to_come_back(gated: GatedGenerator) -> None:
    async with serve({"toy": ServedModel(gated, ToyVerifier())}, max_searches=2) as served:
        ids = [await begun(served.http) for _ in range(2)]
        refused = await served.http.post("/search", json={"problem": "Add 1, 2."})
        assert refused.status_code == 429
        assert refused.headers["retry-after"] == "1"
        assert refused.json()["error"]["code"] == "too_many_searches"
        with pytest.raises(openai.RateLimitError, match="limit of 2 concurrent searches"):
            await served.openai.chat.completions.create(model="toy", messages=QUESTION)
        assert len((await served.http.get("/search")).json()["searches"]) == 2
        await served.http.post(f"/search/{ids[0]}/cancel")
        gated.let_through(100)
        await stood(served.http, await begun(served.http), "done")
        await stood(served.http, ids[1], "done")


async def test_the_oldest_that_is_over_is_forgotten_and_its_thread_with_it(gated: GatedGenerator) -> None:
    async with serve({"toy": ServedModel(gated, ToyVerifier())}, max_retained=2) as served:
        runs = await begun(served.http)
        gated.let_through(1)
        await stood(served.http, runs, "done")
        await gated.asked.acquire()
        stays = await begun(served.http)
        await gated.asked.acquire()
        memory = (await served.app.state.searches.get(runs)).graph.checkpointer
        assert memory.get_tuple({"configurable": {"thread_id": runs}}) is not None
        last = await begun(served.http)
        listed = [one["id"] for one in (await served.http.get("/search")).json()["searches"]]
        assert listed == [last, stays]
        assert (await served.http.get(f"/search/{runs}")).status_code == 404
        assert memory.get_tuple({"configurable": {"thread_id": runs}}) is None
        refused = await served.http.post("/search", json={"problem": "Add 1, 2."})
        assert refused.status_code == 429


async def test_one_bad_search_harms_no_other(gated: GatedGenerator) -> None:
    async with serve({"toy": ServedModel(gated, ToyVerifier())}) as served:
        good = await begun(served.http)
        await gated.asked.acquire()
        bodies: list[Any] = [{"problem": "Add 1.", "options": {"n": -1}}, {"problem": "", "model": 3}, []]
        for body in bodies:
            assert (await served.http.post("/search", json=body)).status_code == 422
        bad = await begun(served.http, problem="no numbers here")
        await gated.asked.acquire()
        gated.let_through(100)
        await stood(served.http, bad, "failed")
        await stood(served.http, good, "done")


async def test_when_the_server_ends_its_searches_do(gated: GatedGenerator) -> None:
    async with serve({"toy": ServedModel(gated, ToyVerifier())}) as served:
        ids = [await begun(served.http) for _ in range(3)]
        for _ in ids:
            await gated.asked.acquire()
        listeners = [asyncio.create_task(heard(served.http, f"/search/{id}/events")) for id in ids]
        blocked = asyncio.create_task(served.openai.chat.completions.create(model="toy", messages=QUESTION))
        await gated.asked.acquire()
        closing = asyncio.create_task(served.app.state.searches.close())
        for events in await asyncio.gather(*listeners):
            assert events[-1].data["status"] == "cancelled"
        with pytest.raises(openai.ConflictError):
            await blocked
        await closing
        refused = await served.http.post("/search", json={"problem": "Add 1, 2."})
        assert refused.status_code == 503
    assert gated.given_up.is_set()


async def test_of_those_that_wait_the_oldest_makes_room_and_is_cancelled() -> None:
    async with serve(max_retained=2) as served:
        ids = [await begun(served.http, strategy="beam_search", steer={"every": 1}) for _ in range(2)]
        for id in ids:
            await stood(served.http, id, "waiting")
        async with listening(served.http, "GET", f"/search/{ids[0]}/events") as events:
            await anext(events)
            await stood(served.http, await begun(served.http), "done")
            *_, last = [told.data async for told in events]
        assert last == {"type": "its.ended", "status": "cancelled", "error": None}
        assert (await served.http.get(f"/search/{ids[0]}")).status_code == 404
        await begun(served.http)  # one that is over makes room before one that waits
        assert (await served.http.get(f"/search/{ids[1]}")).json()["status"] == "waiting"


async def test_one_that_is_found_again_is_not_dropped_for_it(gated: GatedGenerator) -> None:
    models = {"toy": ServedModel(ToyGenerator(), ToyVerifier()), "gated": ServedModel(gated, ToyVerifier())}
    async with serve(models, checkpointer=InMemorySaver(), max_retained=1) as served:
        done = await begun(served.http)
        await stood(served.http, done, "done")
        await begun(served.http, model="gated")
        await gated.asked.acquire()
        found = await served.app.state.searches.get(done)
        assert await served.app.state.searches.get(done) is found


async def test_a_question_is_counted_beside_the_loop() -> None:
    threads: list[threading.Thread] = []

    class Slow(ToyGenerator):
        def prompt_tokens(self, request: SampleRequest) -> int:
            threads.append(threading.current_thread())
            return super().prompt_tokens(request)

    async with serve({"toy": ServedModel(Slow(), ToyVerifier())}) as served:
        await begun(served.http)
    assert threads[0] is not threading.main_thread()
