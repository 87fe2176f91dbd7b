"""The page's fold and roles are those of Python: the same events give the same state and the same tree."""

import json
from typing import Any

import pytest

from its_graph.catalog.registry import STRATEGIES
from its_graph.cli.display.tree_rows import TreeRows
from its_graph.search.events import rebuild
from its_graph.search.tree import Tree
from tests.ui.conftest import Open
from tests.ui.searching import Events, events_of, steered_events

FOLD = "async (events) => (await import('/ui/state.js')).rebuild(events)"
ROLES = """async (events) => {
  const [{ rebuild }, { Tree }] = await Promise.all([import('/ui/state.js'), import('/ui/tree.js')]);
  const tree = new Tree(rebuild(events));
  return Object.fromEntries(Object.keys(tree.steps).map((id) => [id, tree.role(id)]));
}"""
SPEND = """async (events) => {
  const [{ rebuild }, { spendOf }] = await Promise.all([import('/ui/state.js'), import('/ui/spend.js')]);
  return spendOf(rebuild(events));
}"""


def plain(value: Any) -> Any:
    return json.loads(json.dumps(value))


def prefixes(events: Events) -> list[Events]:
    """Return the events as they stand at several moments of the search."""
    return [events[: len(events) * part // 3] for part in range(4)]


@pytest.fixture
def page(open_page: Open, address: str) -> Any:
    return open_page(address)


def test_every_strategy_folds_to_the_same_state(page: Any) -> None:
    for name in STRATEGIES:
        for events in prefixes(events_of(name)):
            assert page.evaluate(FOLD, events) == plain(rebuild(events)), name


def test_what_a_person_said_is_folded_too(page: Any) -> None:
    events = steered_events()
    assert any(event["type"] == "its.steered" for event in events)
    assert page.evaluate(FOLD, events) == plain(rebuild(events))


def test_records_stand_in_the_order_of_their_ids_however_they_arrive(page: Any) -> None:
    events = events_of("best_of_n", n=12)
    mixed = [events[0], *reversed(events[1:-2]), *events[-2:]]
    listed = "async (events) => Object.keys((await import('/ui/state.js')).rebuild(events).steps)"
    assert page.evaluate(listed, mixed) == [str(number) for number in range(12)]


def test_a_second_search_replaces_the_first(page: Any) -> None:
    first, second = events_of("beam_search"), events_of("best_of_n")
    assert page.evaluate(FOLD, first + second) == plain(rebuild(second))


def test_steps_play_the_same_part_as_on_the_terminal(page: Any) -> None:
    for name in ("best_of_n", "beam_search", "dvts", "mcts", "rest_mcts", "budget_forcing"):
        for events in prefixes(events_of(name)):
            assert page.evaluate(ROLES, events) == parts(events), name


def parts(events: Events) -> dict[str, str]:
    """Return the roles of the terminal's tree. There a winner's whole path wins; asides play no part."""
    state = rebuild(events)
    tree, result = Tree.of(state), state.get("result")
    winner = next((one.id for one in tree.finalists if result and one.text == result["text"]), None)
    rows = TreeRows(tree, winner=winner, over=result is not None)
    found: dict[str, str] = {step: rows.role(step) for step in tree.steps}
    path = tree.path(winner)[:-1] if winner is not None else []
    return (
        found
        | dict.fromkeys(path, "kept")
        | {step: "auxiliary" for step in tree.steps if "auxiliary" in tree.steps[step]}
    )


def test_pruned_and_edited_steps_are_told_apart(page: Any) -> None:
    events = steered_events()
    steer = next(event["steer"] for event in events if event["type"] == "its.steered")
    roles = page.evaluate(ROLES, events)
    assert roles[steer["prune"][0]] == "pruned"
    for old, new in steer["edits"].items():
        assert (roles[old], roles[new]) == ("pruned", "edited")


def test_the_spend_is_that_of_the_ledger(page: Any) -> None:
    events = events_of("beam_search")
    spend = Tree.of(rebuild(events)).spend
    shown = page.evaluate(SPEND, events)
    for quantity in ("calls", "tokens", "generated_tokens", "verifier_tokens", "flops"):
        assert shown[quantity] == getattr(spend, quantity), quantity
