"""The page folds events and assigns roles as the Python code does: same events, same state, same tree."""

import json
from typing import Any

import pytest

from its_graph.catalog.registry import STRATEGIES
from its_graph.search.events import rebuild
from its_graph.search.tree import Tree
from its_graph.search.tree_rows import TreeRows
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
    """Return the events so far at several moments of the search."""
    return [events[: len(events) * part // 3] for part in range(4)]


@pytest.fixture
def page(open_page: Open, address: str) -> Any:
    return open_page(address)


def test_every_strategy_folds_to_the_same_state(page: Any) -> None:
    for name in STRATEGIES:
        for events in prefixes(events_of(name)):
            assert page.evaluate(FOLD, events) == plain(rebuild(events)), name


def test_human_edits_are_folded(page: Any) -> None:
    events = steered_events()
    assert any(event["type"] == "its.steered" for event in events)
    assert page.evaluate(FOLD, events) == plain(rebuild(events))


def test_records_are_ordered_by_id_whatever_their_arrival_order(page: Any) -> None:
    events = events_of("best_of_n", n=12)
    shuffled = [events[0], *reversed(events[1:-2]), *events[-2:]]
    step_ids = "async (events) => Object.keys((await import('/ui/state.js')).rebuild(events).steps)"
    assert page.evaluate(step_ids, shuffled) == [str(number) for number in range(12)]


def test_a_second_search_replaces_the_first(page: Any) -> None:
    first, second = events_of("beam_search"), events_of("best_of_n")
    assert page.evaluate(FOLD, first + second) == plain(rebuild(second))


def test_roles_match_the_terminal(page: Any) -> None:
    for name in ("best_of_n", "beam_search", "dvts", "mcts", "rest_mcts", "budget_forcing"):
        for events in prefixes(events_of(name)):
            assert page.evaluate(ROLES, events) == terminal_roles(events), name


def terminal_roles(events: Events) -> dict[str, str]:
    """Return the roles of the terminal's tree, mapped to the page's: the terminal marks the whole path of the winner as
    such, and knows no auxiliary text."""
    state = rebuild(events)
    tree, result = Tree.of(state), state.get("result")
    winner = next((finalist.id for finalist in tree.finalists if result and finalist.text == result["text"]), None)
    rows = TreeRows(tree, winner=winner, over=result is not None)
    roles: dict[str, str] = {step: rows.role(step) for step in tree.steps}
    path = tree.path(winner)[:-1] if winner is not None else []
    return (
        roles
        | dict.fromkeys(path, "kept")
        | {step: "auxiliary" for step in tree.steps if "auxiliary" in tree.steps[step]}
    )


def test_pruned_and_edited_steps_have_their_own_roles(page: Any) -> None:
    events = steered_events()
    edit = next(event["edit"] for event in events if event["type"] == "its.steered")
    roles = page.evaluate(ROLES, events)
    assert roles[edit["prune"][0]] == "pruned"
    for old, new in edit["edits"].items():
        assert (roles[old], roles[new]) == ("pruned", "edited")


def test_the_spend_equals_the_ledger(page: Any) -> None:
    events = events_of("beam_search")
    spend = Tree.of(rebuild(events)).spend
    shown = page.evaluate(SPEND, events)
    for quantity in ("calls", "tokens", "generated_tokens", "verifier_tokens", "flops"):
        assert shown[quantity] == getattr(spend, quantity), quantity
