"""A search in its own thread, and the result of an interrupted one."""

import time
from typing import Any

import pytest

from its_graph import SearchContext, create
from its_graph.cli.runs.stream_search import final_result, stream_search_events
from its_graph.errors import SearchFailedError
from its_graph.nodes.rules.choice import weighted
from its_graph.search.events import rebuild
from its_graph.search.result import SearchResult
from its_graph.testing import ScriptedGenerator, ToyGenerator, ToyVerifier

PROBLEM = "Add 3, 5, 4, 7."
SETTINGS = SearchContext(seed=7)


def events(name: str = "beam_search") -> list[Any]:
    graph = create(name, ToyGenerator(), ToyVerifier(), n=8, **({"width": 2} if name == "beam_search" else {}))
    arrivals = stream_search_events(graph.compile(name=name), PROBLEM, SETTINGS)
    return [event for event in arrivals if event is not None]


def interrupted(recorded: list[Any]) -> SearchResult:
    return final_result(recorded, weighted(), "beam_search", SETTINGS, 2.0)


def test_the_events_are_those_of_the_search_and_the_result_is_its_own() -> None:
    recorded = events()
    assert recorded[0]["type"] == "its.search_started"
    assert recorded[-1]["type"] == "its.answered"
    assert interrupted(recorded) == recorded[-1]["result"]


def test_the_clock_keeps_running_during_a_model_call() -> None:
    def slow(request: object) -> str:
        time.sleep(0.3)
        return r"\boxed{1}"

    graph = create("single", ScriptedGenerator(slow)).compile(name="single")
    arrivals = list(stream_search_events(graph, PROBLEM, SETTINGS, tick_s=0.05))
    assert arrivals.count(None) >= 3


def test_an_error_of_the_search_is_raised_in_the_caller() -> None:
    def fail(request: object) -> str:
        raise ValueError("no")

    graph = create("single", ScriptedGenerator(fail)).compile(name="single")
    with pytest.raises(SearchFailedError, match="no"):
        list(stream_search_events(graph, PROBLEM, SETTINGS))


def test_at_any_moment_there_is_a_result_whose_ledger_matches_the_records() -> None:
    recorded = events()
    for end in range(len(recorded)):
        result = interrupted(recorded[:end])
        steps = rebuild(recorded[:end])["steps"]
        assert (result["stop_reason"], result["seed"], result["strategy"]) == (
            "interrupted",
            7,
            "beam_search",
        )
        assert result["spend"]["generated_tokens"] == sum(step["tokens"] for step in steps.values())
        assert result["spend"]["seconds"] == pytest.approx(2.0)
        assert bool(result["candidates"]) == bool(steps)
        assert result["notes"][-1].startswith("Interrupted: ")


def test_before_the_first_selection_the_first_steps_are_the_candidates() -> None:
    recorded = events()
    first_round = recorded[:6]
    assert {event["type"] for event in first_round[1:]} == {"its.step_added"}
    assert [one["id"] for one in interrupted(first_round)["candidates"]] == ["0", "1", "2", "3", "4"]


def test_after_it_the_frontier_is_the_candidates() -> None:
    recorded = events()
    selected = next(index for index, event in enumerate(recorded) if event["type"] == "its.selected")
    result = interrupted(recorded[: selected + 3])
    assert {one["id"] for one in result["candidates"]} == set(recorded[selected]["frontier"])


def test_the_choice_rule_of_the_search_chooses() -> None:
    recorded = events("best_of_n")
    until_scored = [event for event in recorded if event["type"] not in ("its.answered", "its.stopped")]
    complete, cut = recorded[-1]["result"], interrupted(until_scored)
    assert (cut["answer"], cut["votes"]) == (complete["answer"], complete["votes"])


def test_failures_alone_are_not_a_failed_search_while_others_are_in_flight() -> None:
    recorded = [events()[0], {"type": "its.failed", "id": "0", "failure": {"parent": None, "reason": "no"}}]
    assert interrupted(recorded)["candidates"] == []
