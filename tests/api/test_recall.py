"""With a store, searches outlive their server."""

from pathlib import Path

from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

from its_graph.api.menu import ServedModel
from its_graph.events import rebuild
from its_graph.testing import ToyGenerator, ToyVerifier
from its_graph.tree import Tree
from tests.api.servers import GatedGenerator, begun, heard, serve, stood


async def test_a_search_that_is_done_can_be_read_again(tmp_path: Path) -> None:
    async with AsyncSqliteSaver.from_conn_string(str(tmp_path / "searches.sqlite")) as saver:
        async with serve(checkpointer=saver) as served:
            id = await begun(served.http, strategy="beam_search", options={"n": 8})
            before = await stood(served.http, id, "done")
            told = await heard(served.http, f"/search/{id}/events")
        async with serve(checkpointer=saver) as served:
            after = (await served.http.get(f"/search/{id}")).json()
            again = await heard(served.http, f"/search/{id}/events")
            counted = (await served.http.get("/metrics")).text
            assert "its_tokens_total{" not in counted  # what an earlier server spent is not spent again
    changed = {key for key in before if before[key] != after[key]}
    assert changed <= {"events"}
    trees = [Tree.of(rebuild(one.data for one in events)) for events in (told, again)]
    assert vars(trees[0]) == vars(trees[1])


async def test_one_that_its_server_left_half_way_goes_on_at_the_next(tmp_path: Path, gated: GatedGenerator) -> None:
    async with AsyncSqliteSaver.from_conn_string(str(tmp_path / "searches.sqlite")) as saver:
        async with serve({"toy": ServedModel(gated, ToyVerifier())}, checkpointer=saver) as served:
            id = await begun(served.http, strategy="beam_search", seed=3)
            await gated.asked.acquire()
            gated.let_through()
            await gated.asked.acquire()
        plain = ToyGenerator()
        async with serve({"toy": ServedModel(plain, ToyVerifier())}, checkpointer=saver) as served:
            found = (await served.http.get(f"/search/{id}")).json()
            assert (found["status"], found["seed"]) == ("cancelled", 3)
            assert found["spend"]["calls"] > 0
            told = [one.kind for one in await heard(served.http, f"/search/{id}/events")]
            assert (told[0], told[-1]) == ("its.search_started", "its.ended")
            assert not {"its.answer", "its.stopped", "its.routed"} & set(told)
            await served.http.post(f"/search/{id}/resume")
            resumed = await stood(served.http, id, "done")
            calls = len(plain.requests)
            whole = await stood(served.http, await begun(served.http, strategy="beam_search", seed=3), "done")
            assert resumed["result"]["candidates"] == whole["result"]["candidates"]
            assert calls < len(plain.requests) - calls  # the first round was not made again


async def test_one_that_waits_still_waits(tmp_path: Path) -> None:
    async with AsyncSqliteSaver.from_conn_string(str(tmp_path / "searches.sqlite")) as saver:
        async with serve(checkpointer=saver) as served:
            id = await begun(served.http, strategy="beam_search", steer={"every": 1})
            before = await stood(served.http, id, "waiting")
        async with serve(checkpointer=saver) as served:
            after = (await served.http.get(f"/search/{id}")).json()
            assert (after["status"], after["ask"]) == ("waiting", before["ask"])
            await served.http.post(f"/search/{id}/steer", json={"stop": True})
            assert (await stood(served.http, id, "done"))["result"]["stop_reason"] == "steered"


async def test_threads_of_others_are_no_searches(tmp_path: Path) -> None:
    async with (
        AsyncSqliteSaver.from_conn_string(str(tmp_path / "searches.sqlite")) as saver,
        serve(checkpointer=saver) as served,
    ):
        id = await begun(served.http)
        search = await served.app.state.searches.find(id)
        await search.graph.ainvoke({"problem": "Add 1, 2."}, {"configurable": {"thread_id": "theirs"}})
        assert (await served.http.get("/search/theirs")).status_code == 404
