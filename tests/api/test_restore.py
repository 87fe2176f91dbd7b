"""With a store, searches outlive their server."""

from pathlib import Path
from typing import Any

import pytest
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

from its_graph.api.model_catalog import ServedModel
from its_graph.contracts import SampleRequest
from its_graph.errors import CassetteMissError
from its_graph.search.events import rebuild
from its_graph.search.tree import Tree
from its_graph.testing import ScriptedGenerator, ToyGenerator, ToyVerifier
from tests.api.servers import GatedGenerator, begun, heard, in_process, listening, serve, stood


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
            assert not {"its.answered", "its.stopped", "its.routed"} & set(told)
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
            assert (after["status"], after["human_request"]) == ("waiting", before["human_request"])
            await served.http.post(f"/search/{id}/steer", json={"stop": True})
            assert (await stood(served.http, id, "done"))["result"]["stop_reason"] == "steered"


async def test_threads_of_others_are_no_searches(tmp_path: Path) -> None:
    async with (
        AsyncSqliteSaver.from_conn_string(str(tmp_path / "searches.sqlite")) as saver,
        serve(checkpointer=saver) as served,
    ):
        id = await begun(served.http)
        search = await served.app.state.searches.get(id)
        await search.graph.ainvoke({"problem": "Add 1, 2."}, {"configurable": {"thread_id": "theirs"}})
        assert (await served.http.get("/search/theirs")).status_code == 404


async def test_who_listened_before_the_restart_hears_all_again(tmp_path: Path) -> None:
    async with AsyncSqliteSaver.from_conn_string(str(tmp_path / "searches.sqlite")) as saver:
        async with serve(checkpointer=saver) as served:
            id = await begun(served.http, strategy="beam_search", steer={"every": 1})
            await stood(served.http, id, "waiting")
        async with serve(checkpointer=saver) as served:
            await served.http.post(f"/search/{id}/cancel")
            heard_before = {"Last-Event-ID": "10000"}
            again = await heard(served.http, f"/search/{id}/events", headers=heard_before)
            assert (again[0].kind, again[-1].kind) == ("its.search_started", "its.ended")


async def test_one_that_waits_makes_room_and_is_found_again_with_its_question(tmp_path: Path) -> None:
    async with (
        AsyncSqliteSaver.from_conn_string(str(tmp_path / "searches.sqlite")) as saver,
        serve(checkpointer=saver, max_retained=1) as served,
    ):
        id = await begun(served.http, strategy="beam_search", steer={"every": 1})
        before = await stood(served.http, id, "waiting")
        async with listening(served.http, "GET", f"/search/{id}/events") as events:
            await anext(events)
            await stood(served.http, await begun(served.http), "done")
            *_, last = [told.kind async for told in events]
        assert last == "its.human_requested"  # let go: to ask again, not to believe it over
        after = await stood(served.http, id, "waiting")
        assert after | {"events": 0} == before | {"events": 0}
        await served.http.post(f"/search/{id}/steer", json={"stop": True})
        await stood(served.http, id, "done")


async def test_the_question_is_stored_once_and_found_again(tmp_path: Path) -> None:
    messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Add 3, 5, 4."}]
    async with AsyncSqliteSaver.from_conn_string(str(tmp_path / "searches.sqlite")) as saver:
        async with serve(checkpointer=saver) as served:
            asked = {"problem": None, "messages": messages, "system": "Be kind."}
            id = await begun(served.http, strategy="beam_search", **asked)
            before = await stood(served.http, id, "done")
            stored = [one async for one in saver.alist({"configurable": {"thread_id": id}})]
        async with serve(checkpointer=saver) as served:
            after = (await served.http.get(f"/search/{id}")).json()
    assert before["question"] == after["question"] == messages
    assert len(stored) > 2
    assert not any("Add 3" in str(one.metadata) for one in stored)


async def test_one_that_was_left_before_its_first_step_is_found_again() -> None:
    saver = InMemorySaver()
    async with serve(checkpointer=saver) as served:
        id = await begun(served.http)
        await stood(served.http, id, "done")
        config: RunnableConfig = {"configurable": {"thread_id": id}}
        *_, first = [one async for one in saver.alist(config)]
        fresh = InMemorySaver()
        config = {"configurable": {"thread_id": id, "checkpoint_ns": ""}}
        versions = first.checkpoint["channel_versions"]
        await fresh.aput(config, first.checkpoint, first.metadata, versions)
    async with serve(checkpointer=fresh) as served:
        found = (await served.http.get(f"/search/{id}")).json()
        assert (found["status"], found["question"][0]["content"]) == ("cancelled", "Add 3, 5, 4.")
        await served.http.post(f"/search/{id}/resume")
        await stood(served.http, id, "done")


async def left_at(saver: InMemorySaver, id: str, count: int, finished: bool) -> InMemorySaver:
    """Return a store as a server left it behind the first `count` checkpoints of a search.

    If `finished`, what the node behind the last of them wrote is there as well, and the checkpoint of its step is not.
    """
    left, found = InMemorySaver(), [one async for one in saver.alist({"configurable": {"thread_id": id}})]
    stored = sorted(found, key=lambda one: one.checkpoint["id"])[:count]
    under_way = {one.config["configurable"]["checkpoint_ns"]: one for one in stored}
    for one in stored:
        namespace = one.config["configurable"]["checkpoint_ns"]
        before = (one.parent_config or {}).get("configurable", {}).get("checkpoint_id")
        where = {"thread_id": id, "checkpoint_ns": namespace, "checkpoint_id": before}
        await left.aput({"configurable": where}, one.checkpoint, one.metadata, one.checkpoint["channel_versions"])
        if one is not under_way[namespace] or (finished and one is stored[-1]):
            for task in {task for task, *_ in one.pending_writes or ()}:
                written = [(channel, value) for by, channel, value in one.pending_writes or () if by == task]
                await left.aput_writes(one.config, written, task)
    return left


@pytest.mark.parametrize("strategy", ["best_of_n", "beam_search", "compute_optimal"])
async def test_wherever_its_server_left_it_it_ends_as_if_it_had_never_stopped(strategy: str) -> None:
    saver = InMemorySaver()
    async with in_process(checkpointer=saver) as http:
        id = await begun(http, strategy=strategy, seed=3)
        whole = await stood(http, id, "done")
        tree = Tree.of(rebuild(told.data for told in await heard(http, f"/search/{id}/events")))
    checkpoints = len([one async for one in saver.alist({"configurable": {"thread_id": id}})])
    places = [(count, finished) for count in range(1, checkpoints + 1) for finished in (False, True)]
    statuses: list[tuple[str, str]] = []
    for count, finished in places:
        async with in_process(checkpointer=await left_at(saver, id, count, finished)) as http:
            [listed] = (await http.get("/search")).json()["searches"]
            found = (await http.get(f"/search/{id}")).json()
            statuses.append((listed["status"], found["status"]))
            assert found["status"] == ("cancelled" if found["result"] is None else "done")
            if found["status"] == "cancelled":
                assert (await http.post(f"/search/{id}/resume")).status_code == 200
            done = await stood(http, id, "done")
            assert done["result"]["candidates"] == whole["result"]["candidates"], (count, finished)
            again = Tree.of(rebuild(told.data for told in await heard(http, f"/search/{id}/events")))
        assert (again.steps, again.scores) == (tree.steps, tree.scores)
        assert again.spend._asdict() == done["spend"] == done["result"]["spend"]
        assert again.spend._replace(seconds=0) == tree.spend._replace(seconds=0)
    assert statuses[:8] == [("cancelled", "cancelled")] * 8
    assert statuses[-2:] == [("done", "done")] * 2
    # An answer that only a part of the search has reached yet is not seen at a glance.
    apart = {("cancelled", "done")} if strategy == "compute_optimal" else set()
    assert {pair for pair in statuses if pair[0] != pair[1]} == apart


async def test_one_that_was_stopped_in_its_part_has_told_all_that_the_part_did(gated: GatedGenerator) -> None:
    saver = InMemorySaver()
    async with serve({"toy": ServedModel(gated, ToyVerifier())}, checkpointer=saver) as served:
        id = await begun(served.http, strategy="compute_optimal", seed=3, options={})
        gated.let_through()
        for _ in range(2):
            await gated.asked.acquire()  # the pilots are there, and the strategy that was chosen asks
        before = await stood(served.http, id, "running")
    assert before["spend"]["calls"] > 0
    async with serve(checkpointer=saver) as served:
        assert (await served.http.get(f"/search/{id}")).json()["spend"] == before["spend"]
        await served.http.post(f"/search/{id}/resume")
        done = await stood(served.http, id, "done")
        tree = Tree.of(rebuild(told.data for told in await heard(served.http, f"/search/{id}/events")))
    assert tree.spend._asdict() == done["result"]["spend"]


async def test_how_a_search_failed_is_told_after_a_restart(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    def torn(request: SampleRequest) -> str:
        raise CassetteMissError("the tape is torn")

    class Sick(ToyGenerator):
        async def abatch_as_completed(self, *args: Any, **kwargs: Any) -> Any:
            raise RuntimeError("the secret of the server")
            yield

    models = {"torn": ServedModel(ScriptedGenerator(torn)), "sick": ServedModel(Sick())}
    said = {"torn": "the tape is torn", "sick": "RuntimeError. See the server's log for details."}
    async with AsyncSqliteSaver.from_conn_string(str(tmp_path / "searches.sqlite")) as saver:
        async with serve(models, checkpointer=saver) as served:
            ids = {name: await begun(served.http, model=name, strategy="single") for name in models}
            for name, id in ids.items():
                assert (await stood(served.http, id, "failed"))["error"] == said[name]
        well = {name: ServedModel(ToyGenerator()) for name in models}
        async with serve(well, checkpointer=saver) as served:
            listed = {one["model"]: one for one in (await served.http.get("/search")).json()["searches"]}
            for name, id in ids.items():
                found = (await served.http.get(f"/search/{id}")).json()
                for told in (found, listed[name]):
                    assert (told["status"], told["error"]) == ("failed", said[name])
                last = (await heard(served.http, f"/search/{id}/events"))[-1].data
                assert last == {"type": "its.ended", "status": "failed", "error": said[name]}
                await served.http.post(f"/search/{id}/resume")
                assert (await stood(served.http, id, "done"))["error"] is None
