"""What a store holds: searches until they are deleted, listed by the next server, and nothing of chats."""

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
from tests.api.servers import QUESTION, GatedGenerator, begun, in_process, listening, serve, stood


async def test_a_search_that_waits_or_is_done_is_listed_as_such_by_the_next_server(tmp_path: Path) -> None:
    async with AsyncSqliteSaver.from_conn_string(str(tmp_path / "searches.sqlite")) as saver:
        async with serve(checkpointer=saver) as served:
            done = await begun(served.http, problem="Add 3, 5, 4." + " " * 300)
            await stood(served.http, done, "done")
            waits = await begun(served.http, strategy="beam_search", steer={"every": 1}, options={"n": 4})
            await stood(served.http, waits, "waiting")
            await served.openai.chat.completions.create(model="toy", messages=QUESTION)
            search = await served.app.state.searches.get(done)
            await search.graph.ainvoke({"problem": "Add 1, 2."}, {"configurable": {"thread_id": "theirs"}})
            _, *before = (await served.http.get("/search")).json()["searches"]
        async with serve(checkpointer=saver) as served:
            after = (await served.http.get("/search")).json()["searches"]
            assert [one["id"] for one in after] == [one["id"] for one in before] == [waits, done]
            unknown = {"events": 0, "spend": None}  # of one that is not done, until it is asked for
            assert after == [before[0] | unknown, before[1] | {"events": 0}]
            await stood(served.http, done, "done")
            newest = await begun(served.http)
            listed = (await served.http.get("/search")).json()["searches"]
            assert [one["id"] for one in listed] == [newest, waits, done]
            assert listed[2] == before[1] | {"events": listed[2]["events"]}
        async with serve(checkpointer=saver, max_retained=2) as served:
            listed = (await served.http.get("/search")).json()["searches"]
            assert [one["id"] for one in listed] == [newest, waits]


async def test_what_is_deleted_is_gone_from_the_store(tmp_path: Path, gated: GatedGenerator) -> None:
    models = {"toy": ServedModel(ToyGenerator(), ToyVerifier()), "gated": ServedModel(gated, ToyVerifier())}
    async with AsyncSqliteSaver.from_conn_string(str(tmp_path / "searches.sqlite")) as saver:
        async with serve(models, checkpointer=saver) as served:
            done = await begun(served.http, strategy="compute_optimal")
            await stood(served.http, done, "done")
            earlier = await begun(served.http)
            await stood(served.http, earlier, "done")
        async with serve(models, checkpointer=saver) as served:
            assert len((await served.http.get("/search")).json()["searches"]) == 2
            runs = await begun(served.http, model="gated", strategy="beam_search")
            await gated.asked.acquire()
            async with listening(served.http, "GET", f"/search/{runs}/events") as events:
                await anext(events)
                assert (await served.http.delete(f"/search/{runs}")).status_code == 204
                *_, last = [told.data async for told in events]
            assert last == {"type": "its.ended", "status": "cancelled", "error": None}
            assert (await served.http.get(f"/search/{runs}")).status_code == 404
            for id in (done, earlier):
                deleted = await served.http.delete(f"/search/{id}")
                assert (deleted.status_code, deleted.content) == (204, b"")
                for method, path in (("DELETE", ""), ("GET", ""), ("GET", "/events"), ("POST", "/resume")):
                    assert (await served.http.request(method, f"/search/{id}{path}")).status_code == 404
            assert gated.given_up.is_set()
            assert (await served.http.get("/search")).json() == {"searches": []}
            assert [one async for one in saver.alist(None)] == []


async def test_who_looks_for_a_search_while_it_is_deleted_does_not_bring_it_back() -> None:
    class Slow(InMemorySaver):
        """Lets who reads next wait, with what was read in hand."""

        waits = False

        async def aget_tuple(self, config: RunnableConfig) -> Any:
            found = await super().aget_tuple(config)
            if self.waits:
                self.waits = False
                reading.set()
                await go_on.wait()
            return found

    saver, reading, go_on = Slow(), asyncio.Event(), asyncio.Event()
    async with in_process(checkpointer=saver) as http:
        id = await begun(http)
        await stood(http, id, "done")
    async with in_process(checkpointer=saver) as http:
        saver.waits = True
        looking = asyncio.create_task(http.get(f"/search/{id}"))
        await reading.wait()
        assert (await http.delete(f"/search/{id}")).status_code == 204
        go_on.set()
        assert (await looking).status_code == 404
        assert (await http.get(f"/search/{id}")).status_code == 404
        assert (await http.get("/search")).json() == {"searches": []}


async def test_one_that_made_room_is_listed_as_it_stands() -> None:
    saver = InMemorySaver()
    async with serve(checkpointer=saver) as served:
        first = await begun(served.http, strategy="beam_search", steer={"every": 1})
        await stood(served.http, first, "waiting")
    async with serve(checkpointer=saver, max_retained=1) as served:
        assert (await served.http.get("/search")).json()["searches"][0]["status"] == "waiting"
        await served.http.post(f"/search/{first}/steer", json={"stop": True})
        await stood(served.http, first, "done")
        second = await begun(served.http)
        await stood(served.http, second, "done")
        [listed] = (await served.http.get("/search")).json()["searches"]
        assert listed["id"] == second
        await served.http.delete(f"/search/{second}")
        [listed] = (await served.http.get("/search")).json()["searches"]
        assert (listed["id"], listed["status"]) == (first, "done")


@pytest.mark.parametrize("stream", [False, True])
async def test_nothing_of_a_chat_is_stored(stream: bool) -> None:
    saver = InMemorySaver()
    async with serve(checkpointer=saver) as served:
        said = await served.openai.chat.completions.create(model="beam_search/toy", messages=QUESTION, stream=stream)
        if stream:
            _ = [chunk async for chunk in said]
        [listed] = (await served.http.get("/search")).json()["searches"]
        assert (await served.http.get(f"/search/{listed['id']}")).json()["result"]["answer"] == "12"
        assert [one async for one in saver.alist(None)] == []


async def test_what_this_server_cannot_run_is_listed_and_deleted_all_the_same(tmp_path: Path) -> None:
    other = {"other": ServedModel(ToyGenerator(), ToyVerifier())}
    async with AsyncSqliteSaver.from_conn_string(str(tmp_path / "searches.sqlite")) as saver:
        async with serve(checkpointer=saver) as served:
            await stood(served.http, gone := await begun(served.http), "done")
        async with serve(other, checkpointer=saver) as served:
            assert [one["id"] for one in (await served.http.get("/search")).json()["searches"]] == [gone]
            assert (await served.http.get(f"/search/{gone}")).status_code == 422
            assert (await served.http.delete(f"/search/{gone}")).status_code == 204
            assert (await served.http.delete(f"/search/{gone}")).status_code == 404
            assert (await served.http.get("/search")).json() == {"searches": []}
            assert [one async for one in saver.alist(None)] == []


async def test_a_request_that_this_version_cannot_read_says_so_and_can_be_deleted(tmp_path: Path) -> None:
    path = tmp_path / "searches.sqlite"
    async with AsyncSqliteSaver.from_conn_string(str(path)) as saver, serve(checkpointer=saver) as served:
        await stood(served.http, old := await begun(served.http, options={"n": 2}), "done")
    with closing(sqlite3.connect(path)) as store:
        store.execute("UPDATE checkpoints SET metadata = replace(CAST(metadata AS TEXT), 'options', 'choices')")
        store.commit()
    async with AsyncSqliteSaver.from_conn_string(str(path)) as saver, serve(checkpointer=saver) as served:
        assert (await served.http.get("/search")).json() == {"searches": []}
        told = await served.http.get(f"/search/{old}")
        assert (told.status_code, told.json()["error"]["message"]) == (
            409,
            f"Search {old!r} was stored by an incompatible version. DELETE /search/{old} removes it.",
        )
        assert (await served.http.delete(f"/search/{old}")).status_code == 204
        assert (await served.http.get(f"/search/{old}")).status_code == 404
