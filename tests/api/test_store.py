"""What a store holds: searches until they are deleted, and no chat completions."""

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

from its_graph.api.model_catalog import ServedModel
from its_graph.testing import ToyGenerator, ToyVerifier
from tests.api.servers import QUESTION, GatedGenerator, in_process, open_events, serve, start_search, wait_for_status


async def test_the_next_server_lists_stored_searches_with_their_status(tmp_path: Path) -> None:
    async with AsyncSqliteSaver.from_conn_string(str(tmp_path / "searches.sqlite")) as saver:
        async with serve(checkpointer=saver) as served:
            done = await start_search(served.http, problem="Add 3, 5, 4." + " " * 300)
            await wait_for_status(served.http, done, "done")
            waits = await start_search(served.http, strategy="beam_search", steer={"every": 1}, options={"n": 4})
            await wait_for_status(served.http, waits, "waiting")
            await served.openai.chat.completions.create(model="toy", messages=QUESTION)
            search = await served.app.state.searches.get(done)
            await search.graph.ainvoke({"problem": "Add 1, 2."}, {"configurable": {"thread_id": "theirs"}})
            _, *before = (await served.http.get("/search")).json()["searches"]
        async with serve(checkpointer=saver) as served:
            after = (await served.http.get("/search")).json()["searches"]
            assert [search["id"] for search in after] == [search["id"] for search in before] == [waits, done]
            unknown = {"events": 0, "spend": None}  # of a search that is not done, until it is restored
            assert after == [before[0] | unknown, before[1] | {"events": 0}]
            await wait_for_status(served.http, done, "done")
            newest = await start_search(served.http)
            listed = (await served.http.get("/search")).json()["searches"]
            assert [search["id"] for search in listed] == [newest, waits, done]
            assert listed[2] == before[1] | {"events": listed[2]["events"]}
        async with serve(checkpointer=saver, max_retained=2) as served:
            listed = (await served.http.get("/search")).json()["searches"]
            assert [search["id"] for search in listed] == [newest, waits]


async def test_deleted_searches_are_removed_from_the_store(tmp_path: Path, gated: GatedGenerator) -> None:
    models = {"toy": ServedModel(ToyGenerator(), ToyVerifier()), "gated": ServedModel(gated, ToyVerifier())}
    async with AsyncSqliteSaver.from_conn_string(str(tmp_path / "searches.sqlite")) as saver:
        async with serve(models, checkpointer=saver) as served:
            done = await start_search(served.http, strategy="compute_optimal")
            await wait_for_status(served.http, done, "done")
            earlier = await start_search(served.http)
            await wait_for_status(served.http, earlier, "done")
        async with serve(models, checkpointer=saver) as served:
            assert len((await served.http.get("/search")).json()["searches"]) == 2
            runs = await start_search(served.http, model="gated", strategy="beam_search")
            await gated.batch_requested.acquire()
            async with open_events(served.http, "GET", f"/search/{runs}/events") as events:
                await anext(events)
                assert (await served.http.delete(f"/search/{runs}")).status_code == 204
                *_, last = [event.data async for event in events]
            assert last == {"type": "its.ended", "status": "cancelled", "error": None}
            assert (await served.http.get(f"/search/{runs}")).status_code == 404
            for id in (done, earlier):
                deleted = await served.http.delete(f"/search/{id}")
                assert (deleted.status_code, deleted.content) == (204, b"")
                for method, path in (("DELETE", ""), ("GET", ""), ("GET", "/events"), ("POST", "/resume")):
                    assert (await served.http.request(method, f"/search/{id}{path}")).status_code == 404
            assert gated.calls_cancelled.is_set()
            assert (await served.http.get("/search")).json() == {"searches": []}
            assert [checkpoint async for checkpoint in saver.alist(None)] == []


async def test_a_search_deleted_while_it_is_restored_stays_deleted() -> None:
    class Slow(InMemorySaver):
        """Delays the next read after it has read."""

        waits = False

        async def aget_tuple(self, config: RunnableConfig) -> Any:
            checkpoint = await super().aget_tuple(config)
            if self.waits:
                self.waits = False
                reading.set()
                await go_on.wait()
            return checkpoint

    saver, reading, go_on = Slow(), asyncio.Event(), asyncio.Event()
    async with in_process(checkpointer=saver) as http:
        id = await start_search(http)
        await wait_for_status(http, id, "done")
    async with in_process(checkpointer=saver) as http:
        saver.waits = True
        looking = asyncio.create_task(http.get(f"/search/{id}"))
        await reading.wait()
        assert (await http.delete(f"/search/{id}")).status_code == 204
        go_on.set()
        assert (await looking).status_code == 404
        assert (await http.get(f"/search/{id}")).status_code == 404
        assert (await http.get("/search")).json() == {"searches": []}


async def test_an_evicted_search_is_listed_with_its_status() -> None:
    saver = InMemorySaver()
    async with serve(checkpointer=saver) as served:
        first = await start_search(served.http, strategy="beam_search", steer={"every": 1})
        await wait_for_status(served.http, first, "waiting")
    async with serve(checkpointer=saver, max_retained=1) as served:
        assert (await served.http.get("/search")).json()["searches"][0]["status"] == "waiting"
        await served.http.post(f"/search/{first}/steer", json={"stop": True})
        await wait_for_status(served.http, first, "done")
        second = await start_search(served.http)
        await wait_for_status(served.http, second, "done")
        [listed] = (await served.http.get("/search")).json()["searches"]
        assert listed["id"] == second
        await served.http.delete(f"/search/{second}")
        [listed] = (await served.http.get("/search")).json()["searches"]
        assert (listed["id"], listed["status"]) == (first, "done")


@pytest.mark.parametrize("stream", [False, True])
async def test_chat_completions_are_not_stored(stream: bool) -> None:
    saver = InMemorySaver()
    async with serve(checkpointer=saver) as served:
        completion = await served.openai.chat.completions.create(
            model="beam_search/toy", messages=QUESTION, stream=stream
        )
        if stream:
            _ = [chunk async for chunk in completion]
        [listed] = (await served.http.get("/search")).json()["searches"]
        assert (await served.http.get(f"/search/{listed['id']}")).json()["result"]["answer"] == "12"
        assert [checkpoint async for checkpoint in saver.alist(None)] == []


async def test_searches_of_unknown_models_are_listed_and_deleted(tmp_path: Path) -> None:
    other = {"other": ServedModel(ToyGenerator(), ToyVerifier())}
    async with AsyncSqliteSaver.from_conn_string(str(tmp_path / "searches.sqlite")) as saver:
        async with serve(checkpointer=saver) as served:
            await wait_for_status(served.http, gone := await start_search(served.http), "done")
        async with serve(other, checkpointer=saver) as served:
            assert [search["id"] for search in (await served.http.get("/search")).json()["searches"]] == [gone]
            assert (await served.http.get(f"/search/{gone}")).status_code == 422
            assert (await served.http.delete(f"/search/{gone}")).status_code == 204
            assert (await served.http.delete(f"/search/{gone}")).status_code == 404
            assert (await served.http.get("/search")).json() == {"searches": []}
            assert [checkpoint async for checkpoint in saver.alist(None)] == []


async def test_a_request_of_an_incompatible_version_is_an_error_and_can_be_deleted(tmp_path: Path) -> None:
    path = tmp_path / "searches.sqlite"
    async with AsyncSqliteSaver.from_conn_string(str(path)) as saver, serve(checkpointer=saver) as served:
        await wait_for_status(served.http, old := await start_search(served.http, options={"n": 2}), "done")
    with closing(sqlite3.connect(path)) as store:
        store.execute("UPDATE checkpoints SET metadata = replace(CAST(metadata AS TEXT), 'options', 'choices')")
        store.commit()
    async with AsyncSqliteSaver.from_conn_string(str(path)) as saver, serve(checkpointer=saver) as served:
        assert (await served.http.get("/search")).json() == {"searches": []}
        rejected = await served.http.get(f"/search/{old}")
        assert (rejected.status_code, rejected.json()["error"]["message"]) == (
            409,
            f"Search {old!r} was stored by an incompatible version. DELETE /search/{old} removes it.",
        )
        assert (await served.http.delete(f"/search/{old}")).status_code == 204
        assert (await served.http.get(f"/search/{old}")).status_code == 404
