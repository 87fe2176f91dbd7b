"""A search that asks a person, over HTTP: approved, pruned, hinted, stopped; and bad replies."""

from typing import Any

import pytest

from its_graph.api.model_catalog import ServedModel
from its_graph.search.events import rebuild
from its_graph.search.tree import Tree
from its_graph.testing import ToyGenerator, ToyVerifier
from tests.api.servers import begun, heard, in_process, serve, stood

STEERABLE = ("beam_search", "dvts", "rebase", "particle_filtering", "mcts", "rest_mcts")


@pytest.mark.parametrize("strategy", STEERABLE)
async def test_approved_every_time_it_ends_as_if_nobody_was_asked(strategy: str) -> None:
    async with serve() as served:
        asked = await begun(served.http, strategy=strategy, seed=3, options={"n": 4}, steer={"every": 1})
        asks = 0
        while (found := (await served.http.get(f"/search/{asked}")).json())["status"] != "done":
            if found["status"] == "waiting":
                asks += 1
                assert found["human_request"]["type"] == "its.human_request"
                assert (await served.http.post(f"/search/{asked}/steer", json={})).status_code == 200
        assert asks >= 1
        free = await stood(served.http, await begun(served.http, strategy=strategy, seed=3, options={"n": 4}), "done")
        assert found["result"]["candidates"] == free["result"]["candidates"]
        events = await heard(served.http, f"/search/{asked}/events")
        assert [told.kind for told in events].count("its.human_requested") == asks


async def test_what_a_person_says_is_done() -> None:
    generator = ToyGenerator()
    async with serve({"toy": ServedModel(generator, ToyVerifier())}) as served:
        id = await begun(served.http, strategy="beam_search", seed=3, steer={"every": 1})
        waiting = await stood(served.http, id, "waiting")
        first, *_ = (path["id"] for path in waiting["human_request"]["frontier"])
        told = await served.http.post(f"/search/{id}/steer", json={"prune": [first], "hint": "Mind the carry."})
        assert told.status_code == 200
        await stood(served.http, id, "waiting")
        assert "Mind the carry." in str(generator.requests[-1].messages)
        await served.http.post(f"/search/{id}/steer", json={"stop": True})
        done = await stood(served.http, id, "done")
        assert done["result"]["stop_reason"] == "steered"
        tree = Tree.of(rebuild(one.data for one in await heard(served.http, f"/search/{id}/events")))
        assert tree.children.get(first) is None


@pytest.mark.parametrize("reply", [{"prune": ["999"]}, {"prune": "all"}, {"prone": []}, {"hint": " "}])
async def test_a_bad_reply_is_refused_and_the_search_still_waits(reply: dict[str, Any]) -> None:
    async with serve() as served:
        id = await begun(served.http, strategy="beam_search", steer={"every": 1})
        await stood(served.http, id, "waiting")
        refused = await served.http.post(f"/search/{id}/steer", json=reply)
        assert refused.status_code == 422
        assert refused.json()["error"]["code"] == "invalid_reply"
        waiting = (await served.http.get(f"/search/{id}")).json()
        assert waiting["status"] == "waiting"
        assert waiting["human_request"]["problem"] == refused.json()["error"]["message"]
        assert (await served.http.post(f"/search/{id}/steer", json={"stop": True})).status_code == 200
        await stood(served.http, id, "done")


async def test_one_that_is_cancelled_while_it_waits_asks_again_when_it_is_resumed() -> None:
    async with serve() as served:
        id = await begun(served.http, strategy="beam_search", steer={"uncertain": [0.0, 1.0]})
        await stood(served.http, id, "waiting")
        cancelled = (await served.http.post(f"/search/{id}/cancel")).json()
        assert (cancelled["status"], cancelled["human_request"]) == ("cancelled", None)
        await served.http.post(f"/search/{id}/resume")
        assert (await stood(served.http, id, "waiting"))["human_request"]["frontier"]


async def test_while_it_waits_it_takes_no_place() -> None:
    async with serve(max_searches=1) as served:
        id = await begun(served.http, strategy="beam_search", steer={"every": 1})
        await stood(served.http, id, "waiting")
        await stood(served.http, await begun(served.http), "done")


@pytest.mark.parametrize(
    ("steer", "param", "says"),
    [
        ({"every": 0}, "steer.every", "greater than"),
        ({"uncertain": [0.7, 0.3]}, "steer", "unsure from low up to high"),
        ({"uncertain": [0.3]}, "steer.uncertain.1", "steer.uncertain.1: Field required"),
        ({"uncertain": "x"}, "steer.uncertain", "valid tuple"),
        ({"often": 1}, "steer.often", "not permitted"),
        ({"every": 1, "uncertain": [0.3, 0.7]}, "steer", "set either `every` or `uncertain`"),
        ({}, "steer", "set either `every` or `uncertain`"),
        (5, "steer", "dictionary"),
    ],
)
async def test_a_wrong_wish_to_be_asked_is_refused(steer: Any, param: str, says: str) -> None:
    async with in_process() as http:
        body = {"problem": "Add 1, 2.", "strategy": "beam_search", "steer": steer}
        reply = await http.post("/search", json=body)
        assert reply.status_code == 422
        assert reply.json()["error"]["param"] == param
        assert says in reply.json()["error"]["message"]


async def test_a_reply_that_no_checkpoint_could_hold_is_refused_and_the_search_still_waits() -> None:
    async with serve() as served:
        id = await begun(served.http, strategy="beam_search", steer={"every": 1})
        await stood(served.http, id, "waiting")
        refused = await served.http.post(f"/search/{id}/steer", json={"prune": [2**70]})
        assert refused.status_code == 422
        assert "64 bits" in refused.json()["error"]["message"]
        assert (await served.http.get(f"/search/{id}")).json()["status"] == "waiting"
