"""With a store, searches survive a restart of the server."""

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
from tests.api.servers import GatedGenerator, in_process, open_events, read_events, serve, start_search, wait_for_status


async def test_a_finished_search_is_restored(tmp_path: Path) -> None:
    async with AsyncSqliteSaver.from_conn_string(str(tmp_path / "searches.sqlite")) as saver:
        async with serve(checkpointer=saver) as served:
            id = await start_search(served.http, strategy="beam_search", options={"n": 8})
            before = await wait_for_status(served.http, id, "done")
            original = await read_events(served.http, f"/search/{id}/events")
        async with serve(checkpointer=saver) as served:
            after = (await served.http.get(f"/search/{id}")).json()
            restored = await read_events(served.http, f"/search/{id}/events")
            metrics = (await served.http.get("/metrics")).text
            assert "its_tokens_total{" not in metrics  # spend of an earlier server is not counted again
    changed = {key for key in before if before[key] != after[key]}
    assert changed <= {"events"}
    trees = [Tree.of(rebuild(event.data for event in events)) for events in (original, restored)]
    assert vars(trees[0]) == vars(trees[1])


async def test_an_interrupted_search_is_resumed_by_the_next_server(tmp_path: Path, gated: GatedGenerator) -> None:
    async with AsyncSqliteSaver.from_conn_string(str(tmp_path / "searches.sqlite")) as saver:
        async with serve({"toy": ServedModel(gated, ToyVerifier())}, checkpointer=saver) as served:
            id = await start_search(served.http, strategy="beam_search", seed=3)
            await gated.batch_requested.acquire()
            gated.allow_batches()
            await gated.batch_requested.acquire()
        plain = ToyGenerator()
        async with serve({"toy": ServedModel(plain, ToyVerifier())}, checkpointer=saver) as served:
            details = (await served.http.get(f"/search/{id}")).json()
            assert (details["status"], details["seed"]) == ("cancelled", 3)
            assert details["spend"]["calls"] > 0
            kinds = [event.kind for event in await read_events(served.http, f"/search/{id}/events")]
            assert (kinds[0], kinds[-1]) == ("its.search_started", "its.ended")
            assert not {"its.answered", "its.stopped", "its.routed"} & set(kinds)
            await served.http.post(f"/search/{id}/resume")
            resumed = await wait_for_status(served.http, id, "done")
            calls = len(plain.requests)
            whole = await wait_for_status(
                served.http, await start_search(served.http, strategy="beam_search", seed=3), "done"
            )
            assert resumed["result"]["candidates"] == whole["result"]["candidates"]
            assert calls < len(plain.requests) - calls  # the first round is not repeated


async def test_a_waiting_search_still_waits_after_a_restart(tmp_path: Path) -> None:
    async with AsyncSqliteSaver.from_conn_string(str(tmp_path / "searches.sqlite")) as saver:
        async with serve(checkpointer=saver) as served:
            id = await start_search(served.http, strategy="beam_search", steer={"every": 1})
            before = await wait_for_status(served.http, id, "waiting")
        async with serve(checkpointer=saver) as served:
            after = (await served.http.get(f"/search/{id}")).json()
            assert (after["status"], after["human_request"]) == ("waiting", before["human_request"])
            await served.http.post(f"/search/{id}/steer", json={"stop": True})
            assert (await wait_for_status(served.http, id, "done"))["result"]["stop_reason"] == "steered"


async def test_threads_of_other_graphs_are_not_searches(tmp_path: Path) -> None:
    async with (
        AsyncSqliteSaver.from_conn_string(str(tmp_path / "searches.sqlite")) as saver,
        serve(checkpointer=saver) as served,
    ):
        id = await start_search(served.http)
        search = await served.app.state.searches.get(id)
        await search.graph.ainvoke({"problem": "Add 1, 2."}, {"configurable": {"thread_id": "theirs"}})
        assert (await served.http.get("/search/theirs")).status_code == 404


async def test_subscribers_from_before_a_restart_get_all_events_again(tmp_path: Path) -> None:
    async with AsyncSqliteSaver.from_conn_string(str(tmp_path / "searches.sqlite")) as saver:
        async with serve(checkpointer=saver) as served:
            id = await start_search(served.http, strategy="beam_search", steer={"every": 1})
            await wait_for_status(served.http, id, "waiting")
        async with serve(checkpointer=saver) as served:
            await served.http.post(f"/search/{id}/cancel")
            last_event_id = {"Last-Event-ID": "10000"}
            restored = await read_events(served.http, f"/search/{id}/events", headers=last_event_id)
            assert (restored[0].kind, restored[-1].kind) == ("its.search_started", "its.ended")


async def test_an_evicted_waiting_search_is_restored_with_its_request(tmp_path: Path) -> None:
    async with (
        AsyncSqliteSaver.from_conn_string(str(tmp_path / "searches.sqlite")) as saver,
        serve(checkpointer=saver, max_retained=1) as served,
    ):
        id = await start_search(served.http, strategy="beam_search", steer={"every": 1})
        before = await wait_for_status(served.http, id, "waiting")
        async with open_events(served.http, "GET", f"/search/{id}/events") as events:
            await anext(events)
            await wait_for_status(served.http, await start_search(served.http), "done")
            *_, last = [event.kind async for event in events]
        assert last == "its.human_requested"  # disconnected without an end event, so clients reconnect
        after = await wait_for_status(served.http, id, "waiting")
        assert after | {"events": 0} == before | {"events": 0}
        await served.http.post(f"/search/{id}/steer", json={"stop": True})
        await wait_for_status(served.http, id, "done")


async def test_the_question_is_stored_once_and_restored(tmp_path: Path) -> None:
    messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Add 3, 5, 4."}]
    async with AsyncSqliteSaver.from_conn_string(str(tmp_path / "searches.sqlite")) as saver:
        async with serve(checkpointer=saver) as served:
            question = {"problem": None, "messages": messages, "system": "Be kind."}
            id = await start_search(served.http, strategy="beam_search", **question)
            before = await wait_for_status(served.http, id, "done")
            stored = [checkpoint async for checkpoint in saver.alist({"configurable": {"thread_id": id}})]
        async with serve(checkpointer=saver) as served:
            after = (await served.http.get(f"/search/{id}")).json()
    assert before["question"] == after["question"] == messages
    assert len(stored) > 2
    assert not any("Add 3" in str(checkpoint.metadata) for checkpoint in stored)


async def test_a_search_interrupted_before_its_first_step_is_restored() -> None:
    saver = InMemorySaver()
    async with serve(checkpointer=saver) as served:
        id = await start_search(served.http)
        await wait_for_status(served.http, id, "done")
        config: RunnableConfig = {"configurable": {"thread_id": id}}
        *_, first = [checkpoint async for checkpoint in saver.alist(config)]
        fresh = InMemorySaver()
        config = {"configurable": {"thread_id": id, "checkpoint_ns": ""}}
        versions = first.checkpoint["channel_versions"]
        await fresh.aput(config, first.checkpoint, first.metadata, versions)
    async with serve(checkpointer=fresh) as served:
        details = (await served.http.get(f"/search/{id}")).json()
        assert (details["status"], details["question"][0]["content"]) == ("cancelled", "Add 3, 5, 4.")
        await served.http.post(f"/search/{id}/resume")
        await wait_for_status(served.http, id, "done")


async def store_as_of(saver: InMemorySaver, id: str, count: int, finished: bool) -> InMemorySaver:
    """Return a store as of the first `count` checkpoints of a search.

    If `finished`, it also has the writes of the node after the last of them, but not the checkpoint of that step.
    """
    store = InMemorySaver()
    checkpoints = [checkpoint async for checkpoint in saver.alist({"configurable": {"thread_id": id}})]
    stored = sorted(checkpoints, key=lambda checkpoint: checkpoint.checkpoint["id"])[:count]
    newest = {checkpoint.config["configurable"]["checkpoint_ns"]: checkpoint for checkpoint in stored}
    for checkpoint in stored:
        namespace = checkpoint.config["configurable"]["checkpoint_ns"]
        before = (checkpoint.parent_config or {}).get("configurable", {}).get("checkpoint_id")
        where = {"thread_id": id, "checkpoint_ns": namespace, "checkpoint_id": before}
        versions = checkpoint.checkpoint["channel_versions"]
        await store.aput({"configurable": where}, checkpoint.checkpoint, checkpoint.metadata, versions)
        if checkpoint is not newest[namespace] or (finished and checkpoint is stored[-1]):
            pending = checkpoint.pending_writes or ()
            for task in {task for task, *_ in pending}:
                writes = [(channel, value) for by, channel, value in pending if by == task]
                await store.aput_writes(checkpoint.config, writes, task)
    return store


@pytest.mark.parametrize("strategy", ["best_of_n", "beam_search", "compute_optimal"])
async def test_a_search_interrupted_anywhere_ends_as_if_uninterrupted(strategy: str) -> None:
    saver = InMemorySaver()
    async with in_process(checkpointer=saver) as http:
        id = await start_search(http, strategy=strategy, seed=3)
        whole = await wait_for_status(http, id, "done")
        tree = Tree.of(rebuild(event.data for event in await read_events(http, f"/search/{id}/events")))
    checkpoints = len([checkpoint async for checkpoint in saver.alist({"configurable": {"thread_id": id}})])
    places = [(count, finished) for count in range(1, checkpoints + 1) for finished in (False, True)]
    statuses: list[tuple[str, str]] = []
    for count, finished in places:
        async with in_process(checkpointer=await store_as_of(saver, id, count, finished)) as http:
            [listed] = (await http.get("/search")).json()["searches"]
            details = (await http.get(f"/search/{id}")).json()
            statuses.append((listed["status"], details["status"]))
            assert details["status"] == ("cancelled" if details["result"] is None else "done")
            if details["status"] == "cancelled":
                assert (await http.post(f"/search/{id}/resume")).status_code == 200
            done = await wait_for_status(http, id, "done")
            assert done["result"]["candidates"] == whole["result"]["candidates"], (count, finished)
            restored = Tree.of(rebuild(event.data for event in await read_events(http, f"/search/{id}/events")))
        assert (restored.steps, restored.scores) == (tree.steps, tree.scores)
        assert restored.spend._asdict() == done["spend"] == done["result"]["spend"]
        assert restored.spend._replace(seconds=0) == tree.spend._replace(seconds=0)
    assert statuses[:8] == [("cancelled", "cancelled")] * 8
    assert statuses[-2:] == [("done", "done")] * 2
    # The list does not show an answer that only the subgraph has so far.
    differing = {("cancelled", "done")} if strategy == "compute_optimal" else set()
    assert {pair for pair in statuses if pair[0] != pair[1]} == differing


async def test_a_search_interrupted_in_a_subgraph_restores_all_its_records(gated: GatedGenerator) -> None:
    saver = InMemorySaver()
    async with serve({"toy": ServedModel(gated, ToyVerifier())}, checkpointer=saver) as served:
        id = await start_search(served.http, strategy="compute_optimal", seed=3, options={})
        gated.allow_batches()
        for _ in range(2):
            await gated.batch_requested.acquire()  # the pilots are done, and the chosen strategy requests samples
        before = await wait_for_status(served.http, id, "running")
    assert before["spend"]["calls"] > 0
    async with serve(checkpointer=saver) as served:
        assert (await served.http.get(f"/search/{id}")).json()["spend"] == before["spend"]
        await served.http.post(f"/search/{id}/resume")
        done = await wait_for_status(served.http, id, "done")
        tree = Tree.of(rebuild(event.data for event in await read_events(served.http, f"/search/{id}/events")))
    assert tree.spend._asdict() == done["result"]["spend"]


async def test_the_error_of_a_failed_search_is_restored(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    def torn(request: SampleRequest) -> str:
        raise CassetteMissError("the tape is torn")

    class FailingGenerator(ToyGenerator):
        async def abatch_as_completed(self, *args: Any, **kwargs: Any) -> Any:
            raise RuntimeError("the secret of the server")
            yield

    models = {"torn": ServedModel(ScriptedGenerator(torn)), "sick": ServedModel(FailingGenerator())}
    messages = {"torn": "the tape is torn", "sick": "RuntimeError. See the server's log for details."}
    async with AsyncSqliteSaver.from_conn_string(str(tmp_path / "searches.sqlite")) as saver:
        async with serve(models, checkpointer=saver) as served:
            ids = {name: await start_search(served.http, model=name, strategy="single") for name in models}
            for name, id in ids.items():
                assert (await wait_for_status(served.http, id, "failed"))["error"] == messages[name]
        well = {name: ServedModel(ToyGenerator()) for name in models}
        async with serve(well, checkpointer=saver) as served:
            listed = {search["model"]: search for search in (await served.http.get("/search")).json()["searches"]}
            for name, id in ids.items():
                details = (await served.http.get(f"/search/{id}")).json()
                for status in (details, listed[name]):
                    assert (status["status"], status["error"]) == ("failed", messages[name])
                last = (await read_events(served.http, f"/search/{id}/events"))[-1].data
                assert last == {"type": "its.ended", "status": "failed", "error": messages[name]}
                await served.http.post(f"/search/{id}/resume")
                assert (await wait_for_status(served.http, id, "done"))["error"] is None
