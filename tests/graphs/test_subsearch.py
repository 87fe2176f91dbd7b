"""What a strategy sees of a search in progress: rules and exits count only its own records."""

from typing import Any

import pytest

from its_graph.graphs.subsearch import (
    as_subsearch,
    building_subsearch,
    enter_subsearch,
    reuse_pilots,
    start_after_pilots,
)
from its_graph.nodes.revision.population import population
from its_graph.nodes.rules.frontier import keep_none
from its_graph.nodes.rules.stopping import enough_complete
from its_graph.nodes.select import next_stop_or_finish, select
from its_graph.nodes.tree_search.token_budget import stop_after_tokens_of
from its_graph.search.tree import Tree

PILOTS = 3


def state_of(*own: str, **changes: Any) -> Any:
    """Return a search with three complete pilots of 100 tokens, and steps of ten tokens that end in these ways."""
    ends = [*["end"] * PILOTS, *own]
    steps = {
        str(key): {
            "parent": None,
            "text": rf"\boxed{{{key}}}",
            "tokens": 100 if key < PILOTS else 10,
            "finish": finish,
            "confidence": None,
        }
        for key, finish in enumerate(ends)
    }
    charges = {"0": charge(100 * PILOTS)} | ({"1": charge(10 * len(own))} if own else {})
    return {
        "steps": steps,
        "charges": charges,
        "new_steps": [str(key) for key in range(PILOTS, len(ends))],
        "frontier": [],
        "stop_reason": None,
        "settings": {"seed": 1},
        "strategy_start": {"record": PILOTS, "charge": 1},
    } | changes


def charge(tokens: int) -> dict[str, Any]:
    none = dict.fromkeys(("calls", "prompt_tokens", "cached_tokens", "verifier_tokens", "seconds", "flops"), 0)
    return {"node": "generate", "generated_tokens": tokens, **none}


def test_it_begins_behind_the_records_there_are() -> None:
    tree = Tree.of(state_of(strategy_start=None))
    assert start_after_pilots(tree) == {"record": PILOTS, "charge": 1}
    assert reuse_pilots(tree) is None
    assert enter_subsearch(start_after_pilots)(state_of()) == {
        "strategy_start": {"record": PILOTS, "charge": 1},
        "new_steps": [],
        "frontier": [],
    }


def test_the_view_at_work_hides_the_pilots_and_no_cost() -> None:
    state = state_of("end", "end")
    own, whole = Tree.for_strategy(state), Tree.of(state)
    assert list(own.steps) == ["3", "4"]
    assert (own.next_id, own.samples_drawn) == (whole.next_id, whole.samples_drawn) == (5, 2)
    assert (own.completed, whole.completed) == (2, 5)
    assert own.spend == whole.spend
    assert own.spend.generated_tokens == 320
    assert own.own_spend.generated_tokens == 20
    alone = Tree.for_strategy(state | {"strategy_start": None})
    assert (alone.steps, alone.own_spend) == (whole.steps, whole.spend)


def test_failed_pilots_count_as_pilots() -> None:
    failures = {"2": {"parent": None, "reason": "lost"}, "3": {"parent": None, "reason": "lost"}}
    state = state_of(failures=failures)
    del state["steps"]["2"]
    tree = Tree.for_strategy(state)
    assert list(tree.failures) == ["3"]
    assert (tree.next_id, tree.samples_drawn) == (4, 1)


def test_solutions_of_the_pilots_do_not_end_its_search(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("its_graph.nodes.select.emit", lambda update: None)
    node = select(keep_none, enough_complete(2))
    assert node(state_of("end", "stop_string"))["stop_reason"] is None
    assert node(state_of("end", "end"))["stop_reason"] == "completed"


def test_it_finishes_a_path_of_its_own() -> None:
    assert next_stop_or_finish(state_of(stop_reason="budget")) == "unfinished"
    assert next_stop_or_finish(state_of("end", stop_reason="budget")) == "enough"


def test_its_size_is_measured_in_its_own_tokens() -> None:
    assert stop_after_tokens_of(2)(Tree.for_strategy(state_of("end"))) is None
    assert stop_after_tokens_of(2)(Tree.for_strategy(state_of("end", "end"))) == "completed"


def test_places_of_a_population_are_counted_from_its_first_member() -> None:
    assert population(2)(Tree.for_strategy(state_of("end", "end", "end"))) == ["5", "4"]


def test_parts_are_built_inside_alone() -> None:
    with as_subsearch():
        assert building_subsearch()
    assert not building_subsearch()
    with pytest.raises(ZeroDivisionError), as_subsearch():
        1 / 0  # noqa: B018
    assert not building_subsearch()
