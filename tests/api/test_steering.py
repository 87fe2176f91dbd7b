"""Steering over HTTP: approve, prune, hint, stop; and invalid replies."""

from typing import Any

import pytest

from its_graph.api.model_catalog import ServedModel
from its_graph.search.events import rebuild
from its_graph.search.tree import Tree
from its_graph.testing import ToyGenerator, ToyVerifier
from tests.api.servers import in_process, read_events, serve, start_search, wait_for_status

STEERABLE = ("beam_search", "dvts", "rebase", "particle_filtering", "mcts", "rest_mcts")


@pytest.mark.parametrize("strategy", STEERABLE)
async def test_a_search_approved_every_time_ends_as_without_steering(strategy: str) -> None:
    async with serve() as served:
        steered_id = await start_search(served.http, strategy=strategy, seed=3, options={"n": 4}, steer={"every": 1})
        request_count = 0
        while (details := (await served.http.get(f"/search/{steered_id}")).json())["status"] != "done":
            if details["status"] == "waiting":
                request_count += 1
                assert details["human_request"]["type"] == "its.human_request"
                assert (await served.http.post(f"/search/{steered_id}/steer", json={})).status_code == 200
        assert request_count >= 1
        unsteered_id = await start_search(served.http, strategy=strategy, seed=3, options={"n": 4})
        unsteered = await wait_for_status(served.http, unsteered_id, "done")
        assert details["result"]["candidates"] == unsteered["result"]["candidates"]
        events = await read_events(served.http, f"/search/{steered_id}/events")
        assert [event.kind for event in events].count("its.human_requested") == request_count


async def test_replies_are_applied() -> None:
    generator = ToyGenerator()
    async with serve({"toy": ServedModel(generator, ToyVerifier())}) as served:
        id = await start_search(served.http, strategy="beam_search", seed=3, steer={"every": 1})
        waiting = await wait_for_status(served.http, id, "waiting")
        first, *_ = (path["id"] for path in waiting["human_request"]["frontier"])
        accepted = await served.http.post(f"/search/{id}/steer", json={"prune": [first], "hint": "Mind the carry."})
        assert accepted.status_code == 200
        await wait_for_status(served.http, id, "waiting")
        assert "Mind the carry." in str(generator.requests[-1].messages)
        await served.http.post(f"/search/{id}/steer", json={"stop": True})
        done = await wait_for_status(served.http, id, "done")
        assert done["result"]["stop_reason"] == "steered"
        tree = Tree.of(rebuild(event.data for event in await read_events(served.http, f"/search/{id}/events")))
        assert tree.children.get(first) is None


@pytest.mark.parametrize("reply", [{"prune": ["999"]}, {"prune": "all"}, {"prone": []}, {"hint": " "}])
async def test_an_invalid_reply_is_rejected_and_the_search_still_waits(reply: dict[str, Any]) -> None:
    async with serve() as served:
        id = await start_search(served.http, strategy="beam_search", steer={"every": 1})
        await wait_for_status(served.http, id, "waiting")
        refused = await served.http.post(f"/search/{id}/steer", json=reply)
        assert refused.status_code == 422
        assert refused.json()["error"]["code"] == "invalid_reply"
        waiting = (await served.http.get(f"/search/{id}")).json()
        assert waiting["status"] == "waiting"
        assert waiting["human_request"]["error"] == refused.json()["error"]["message"]
        assert (await served.http.post(f"/search/{id}/steer", json={"stop": True})).status_code == 200
        await wait_for_status(served.http, id, "done")


async def test_a_search_cancelled_while_waiting_requests_again_when_resumed() -> None:
    async with serve() as served:
        id = await start_search(served.http, strategy="beam_search", steer={"uncertain": [0.0, 1.0]})
        await wait_for_status(served.http, id, "waiting")
        cancelled = (await served.http.post(f"/search/{id}/cancel")).json()
        assert (cancelled["status"], cancelled["human_request"]) == ("cancelled", None)
        await served.http.post(f"/search/{id}/resume")
        assert (await wait_for_status(served.http, id, "waiting"))["human_request"]["frontier"]


async def test_a_waiting_search_does_not_count_as_running() -> None:
    async with serve(max_searches=1) as served:
        id = await start_search(served.http, strategy="beam_search", steer={"every": 1})
        await wait_for_status(served.http, id, "waiting")
        await wait_for_status(served.http, await start_search(served.http), "done")


@pytest.mark.parametrize(
    ("steer", "param", "says"),
    [
        ({"every": 0}, "steer.every", "greater than"),
        ({"uncertain": [0.7, 0.3]}, "steer", "low <= high"),
        ({"uncertain": [0.3]}, "steer.uncertain.1", "steer.uncertain.1: Field required"),
        ({"uncertain": "x"}, "steer.uncertain", "valid tuple"),
        ({"often": 1}, "steer.often", "not permitted"),
        ({"every": 1, "uncertain": [0.3, 0.7]}, "steer", "set either `every` or `uncertain`"),
        ({}, "steer", "set either `every` or `uncertain`"),
        (5, "steer", "dictionary"),
    ],
)
async def test_an_invalid_schedule_is_rejected(steer: Any, param: str, says: str) -> None:
    async with in_process() as http:
        body = {"problem": "Add 1, 2.", "strategy": "beam_search", "steer": steer}
        reply = await http.post("/search", json=body)
        assert reply.status_code == 422
        assert reply.json()["error"]["param"] == param
        assert says in reply.json()["error"]["message"]


async def test_a_reply_that_no_checkpoint_can_hold_is_rejected() -> None:
    async with serve() as served:
        id = await start_search(served.http, strategy="beam_search", steer={"every": 1})
        await wait_for_status(served.http, id, "waiting")
        refused = await served.http.post(f"/search/{id}/steer", json={"prune": [2**70]})
        assert refused.status_code == 422
        assert "64 bits" in refused.json()["error"]["message"]
        assert (await served.http.get(f"/search/{id}")).json()["status"] == "waiting"
