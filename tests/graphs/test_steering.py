"""Searches that ask a person between rounds: replies take effect, cost nothing twice, and lose nothing."""

import json
import random
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from langchain_core.messages import HumanMessage
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.types import Command
from pydantic import TypeAdapter

from its_graph import Budget, SearchContext, Spend
from its_graph.errors import ConfigurationError
from its_graph.nodes.rules.steering import APPROVE, Steering, every, when_uncertain
from its_graph.nodes.rules.types import AskRule
from its_graph.nodes.tree_search.descent import open_leaves, search_stats
from its_graph.search.event_schema import parse_event
from its_graph.search.events import rebuild
from its_graph.search.human_request import HumanRequest
from its_graph.search.tree import Tree
from its_graph.testing import ToyGenerator, ToyVerifier

NAMES = ("beam_search", "dvts", "rebase", "particle_filtering", "mcts", "rest_mcts")
each = pytest.mark.parametrize("name", NAMES)
each_way = pytest.mark.parametrize(
    ("name", "options"),
    [
        *((name, {}) for name in NAMES),
        ("beam_search", {"lookahead": 2}),
        ("mcts", {"rollout_weight": 0.5}),
        ("mcts", {"rollout_weight": 1.0}),
    ],
)

Build = Callable[..., Any]
Timeless = Callable[[dict[str, Any]], dict[str, Any]]
Person = Callable[[HumanRequest], Any]

QUESTION = {"problem": "Add 3, 5, 4, 7, 2."}
SEEDED = SearchContext(seed=7)
MOST_ASKS = 200


def thread(number: int = 1) -> Any:
    return {"configurable": {"thread_id": str(number)}}


def asking(out: dict[str, Any]) -> HumanRequest | None:
    """The request of the search, if it has not answered."""
    (question,) = out.get("__interrupt__", [None])
    return None if question is None else TypeAdapter(HumanRequest).validate_python(question.value)


def approve(ask: HumanRequest) -> Any:
    return APPROVE


def once(reply: Person) -> Person:
    """Reply to the second request, when every strategy has paths to choose from, and approve all others."""
    asked: list[HumanRequest] = []

    def person(ask: HumanRequest) -> Any:
        asked.append(ask)
        return reply(ask) if len(asked) == 2 else APPROVE

    return person


class Run:
    """A search over the toy world with a person beside it."""

    def __init__(
        self,
        build: Build,
        name: str,
        *,
        ask: AskRule | None = None,
        context: SearchContext = SEEDED,
        error: float = 0.3,
        **options: Any,
    ) -> None:
        self.generator, self.verifier = ToyGenerator(error, parameters=10), ToyVerifier(parameters=5)
        graph = build(name, self.generator, self.verifier, ask=ask or every(1), **options)
        self.graph = graph.compile(name=name, checkpointer=InMemorySaver())
        self.context = context
        self.asks: list[HumanRequest] = []
        self.trees: list[Tree] = []
        """The search as it stood at each question."""
        self.events: list[Any] = []
        self.result: dict[str, Any] = {}

    @property
    def tree(self) -> Tree:
        """The search as it stands."""
        return Tree.of(self.graph.get_state(thread()).values)

    def __call__(self, person: Person) -> "Run":
        given: Any = QUESTION
        for _ in range(MOST_ASKS):
            parts = self.graph.stream(
                given, thread(), context=self.context, stream_mode=["custom", "values"], version="v2"
            )
            for part in parts:
                if part["type"] == "custom":
                    self.events.append(part["data"])
                else:
                    out = part
            if not out["interrupts"]:
                self.result = out["data"]["result"]
                return self
            self.asks.append(TypeAdapter(HumanRequest).validate_python(out["interrupts"][0].value))
            self.trees.append(self.tree)
            given = Command(resume=person(self.asks[-1]))
        raise AssertionError("The search asks for ever.")


def later(run: Run) -> list[str]:
    """Ids of the steps that were written after the second question, rollouts left out."""
    steps = run.tree.steps
    return [step for step in steps if int(step) >= run.trees[1].next_id and "auxiliary" not in steps[step]]


def drawn_below(run: Run, parent: str) -> int:
    return sum(run.tree.steps[step]["parent"] == parent for step in later(run))


def below(run: Run, step: str) -> list[str]:
    return [one for one in later(run) if step in run.tree.path(one)[:-1]]


# --- what is asked ---------------------------------------------------------------------------------------------------


@each_way
def test_approving_all_the_time_changes_nothing(
    name: str, options: dict[str, Any], build: Build, timeless: Timeless
) -> None:
    alone = build(name, ToyGenerator(0.3, parameters=10), ToyVerifier(parameters=5), **options).compile()
    whole = alone.invoke(QUESTION, context=SEEDED)["result"]
    run = Run(build, name, **options)(approve)
    assert timeless(run.result) == timeless(whole)
    assert len(run.asks) >= 3


@each
def test_it_asks_with_the_open_paths_of_its_frontier(name: str, build: Build) -> None:
    run = Run(build, name)(approve)
    assert [ask["round"] for ask in run.asks] == list(range(1, len(run.asks) + 1))
    for ask, tree in zip(run.asks, run.trees, strict=True):
        assert {step["id"]: step["continuations"] for step in ask["frontier"]} == Counter(
            filter(tree.open, tree.frontier)
        )
        for step in ask["frontier"]:
            assert (step["text"], step["score"], step["depth"]) == (
                tree.text(step["id"]),
                tree.score(step["id"]),
                tree.depth(step["id"]),
            )
            assert step["text"].endswith(step["step"])
        assert ask["spend"] == tree.spend._asdict()
        assert ask["error"] is None


def test_it_asks_every_other_round_or_when_it_is_unsure(build: Build) -> None:
    rounds = [ask["round"] for ask in Run(build, "beam_search", ask=every(2))(approve).asks]
    assert rounds == list(range(2, 2 * len(rounds) + 1, 2))
    assert Run(build, "beam_search", ask=when_uncertain(0.2, 0.8))(approve).asks == []  # the toy verifier says .1 or .9
    assert Run(build, "beam_search", ask=when_uncertain(0.2, 0.9))(approve).asks != []


@each
def test_without_a_rule_there_is_no_such_node_and_with_one_its_exits_have_names(name: str, build: Build) -> None:
    assert "steer" not in build(name).compile().get_graph().nodes
    edges = build(name, ask=every(1)).compile().get_graph().edges
    exits = {(edge.source, edge.data or edge.target): edge.target for edge in edges if edge.conditional}
    assert exits == {
        ("select", "more"): "steer",
        ("select", "enough"): "answer",
        ("select", "unfinished"): "finish",
        ("steer", "more"): "expand",
        ("steer", "verify"): "verify",
        ("steer", "enough"): "answer",
        ("steer", "unfinished"): "finish",
    }


@each
@pytest.mark.parametrize("config", [{}, thread()])
def test_without_a_checkpointer_the_error_says_what_to_do(name: str, config: Any, build: Build) -> None:
    with pytest.raises(ConfigurationError, match=r"compile\(checkpointer=.*thread_id"):
        build(name, ask=every(1)).compile().invoke(QUESTION, config, context=SEEDED)


# --- what is said ----------------------------------------------------------------------------------------------------


@each
def test_what_is_pruned_is_abandoned_permanently(name: str, build: Build) -> None:
    run = Run(build, name)(once(lambda ask: {"prune": [ask["frontier"][0]["id"]]}))
    (pruned,) = run.tree.human_edits["1"]["prune"]
    assert Run(build, name)(approve).tree.children.get(pruned)  # it would have gone on
    assert below(run, pruned) == []
    assert all(pruned not in (step["id"] for step in ask["frontier"]) for ask in run.asks[2:])
    assert pruned not in run.tree.frontier
    assert run.result["answer"] is not None


@pytest.mark.parametrize("name", ["mcts", "rest_mcts"])
def test_a_tree_search_never_comes_back_to_what_was_pruned(name: str, build: Build) -> None:
    """Whole subtrees at a time, until there is nothing left but what is finished."""
    gone: set[str] = set()

    def person(ask: HumanRequest) -> Any:
        roots = {run.tree.root(step["id"]) for step in ask["frontier"]}
        assert not roots & gone
        gone.update(roots if run.tree.completed else ())
        return {"prune": sorted(roots)} if run.tree.completed else APPROVE

    run = Run(build, name, n=64, end_gate=2.0)
    run(person)
    assert gone
    assert run.result["stop_reason"] == "completed"
    assert run.result["answer"] is not None


@each
def test_what_is_boosted_gets_twice_its_continuations(name: str, build: Build) -> None:
    run = Run(build, name)(once(lambda ask: {"boost": [ask["frontier"][-1]["id"]]}))
    boosted = run.asks[1]["frontier"][-1]
    assert drawn_below(run, boosted["id"]) == 2 * boosted["continuations"]


def cut(tree: Tree) -> str:
    """An open path that the search would not continue, unlike any that it does."""
    texts = {tree.text(step) for step in tree.frontier}
    return next(step for step in tree.steps if tree.open(step) and tree.text(step) not in texts)


@each
def test_a_dropped_path_returns_with_the_share_of_one(name: str, build: Build) -> None:
    run = Run(build, name, n=16)
    run(once(lambda ask: {"boost": [cut(run.tree)]}))
    ask, revived = run.asks[1], cut(run.trees[1])
    share = sum(step["continuations"] for step in ask["frontier"]) // len(ask["frontier"])
    assert drawn_below(run, revived) == share
    assert sum(run.trees[2].steps[step]["parent"] == revived for step in run.trees[2].new_steps) == share


@each
def test_an_edited_step_takes_the_place_of_the_old_one(name: str, build: Build) -> None:
    run = Run(build, name)(once(lambda ask: {"edits": {ask["frontier"][0]["id"]: "3 + 5 = 8, surely: 8 = 8"}}))
    tree = run.tree
    ((old, new),) = tree.human_edits["1"]["edits"].items()
    assert tree.steps[old] == run.trees[1].steps[old]
    assert tree.steps[new] == {
        "parent": tree.steps[old]["parent"],
        "text": "3 + 5 = 8, surely: 8 = 8\n\n",
        "tokens": 0,
        "finish": "stop_string",
        "confidence": None,
        "by": "person",
    }
    assert drawn_below(run, new) == run.asks[1]["frontier"][0]["continuations"]
    assert below(run, old) == []
    assert tree.score(new) is not None
    assert list(tree.scores).index(new) < list(tree.scores).index(tree.children[new][0])


@each_way
def test_an_edit_that_ends_the_solution_is_judged_and_a_candidate(
    name: str, options: dict[str, Any], build: Build
) -> None:
    run = Run(build, name, **options)(once(lambda ask: {"edits": {ask["frontier"][0]["id"]: r"It is \boxed{99}"}}))
    (new,) = run.tree.human_edits["1"]["edits"].values()
    assert run.tree.finished(new)
    assert drawn_below(run, new) == 0
    (mine,) = [candidate for candidate in run.result["candidates"] if candidate["id"] == new]
    assert (mine["answer"], mine["finished"]) == ("99", True)
    assert mine["score"] == run.tree.score(new) is not None


@each_way
def test_whatever_is_said_the_ledger_is_the_sum_of_the_records(
    name: str, options: dict[str, Any], build: Build
) -> None:
    run = Run(build, name, **options)(saying(random.Random(3)))
    spend, tree = run.result["spend"], run.tree
    assert spend["generated_tokens"] == sum(step["tokens"] for step in tree.steps.values()) > 0
    assert spend["verifier_tokens"] == sum(score["tokens"] for score in tree.scores.values())


@each
def test_a_hint_reaches_generator_and_verifier(name: str, build: Build) -> None:
    hints = iter(["Mind the carry.", "Sums grow."])
    run = Run(build, name)
    seen: list[tuple[int, int]] = []

    def person(ask: HumanRequest) -> Any:
        seen.append((len(run.generator.requests), len(run.verifier.candidates)))
        return {"hint": hint} if (hint := next(hints, None)) else APPROVE

    run(person)
    (drawn, judged), (drawn_next, judged_next) = seen[:2]
    asked = QUESTION["problem"]
    told = asked + "\n\nHint: Mind the carry."
    assert {request.messages[-1]["content"] for request in run.generator.requests[:drawn]} == {asked}
    assert {request.messages[-1]["content"] for request in run.generator.requests[drawn:drawn_next]} == {told}
    assert {candidate.messages[-1]["content"] for candidate in run.verifier.candidates[judged:judged_next]} == {told}
    assert {request.messages[-1]["content"] for request in run.generator.requests[drawn_next:]} == {
        told + "\n\nHint: Sums grow."
    }
    assert run.graph.get_state(thread()).values["question"] == [{"role": "user", "content": asked}]


@each
def test_when_stopped_it_answers_with_what_there_is(name: str, build: Build) -> None:
    run = Run(build, name)(lambda ask: {"stop": True})
    assert len(run.asks) == 1
    assert run.result["stop_reason"] == "steered"
    assert run.result["answer"] is not None
    assert [charge["node"] for charge in run.tree.charges.values()][-1] == "finish"


@pytest.mark.parametrize("name", ["mcts", "rest_mcts"])
@pytest.mark.parametrize("seed", range(6))
def test_a_stopped_tree_search_completes_its_best_path(name: str, seed: int, build: Build) -> None:
    run = Run(build, name, leaves=1, context=SearchContext(seed=seed), error=0.6)(once(lambda ask: {"stop": True}))
    best = open_leaves(search_stats(40), leaves=1)(run.trees[1])
    assert [list(run.tree.steps.values())[-1]["parent"]] == best


@each
def test_when_stopped_with_an_edited_solution_it_verifies_that_first(name: str, build: Build) -> None:
    def person(ask: HumanRequest) -> Any:
        return {"edits": {ask["frontier"][0]["id"]: r"\boxed{99}"}, "stop": True}

    run = Run(build, name)(person)
    assert (run.result["answer"], run.result["stop_reason"]) == ("99", "steered")
    (new,) = run.tree.human_edits["0"]["edits"].values()
    assert run.tree.score(new) is not None
    assert run.tree.next_id == int(new) + 1


def test_an_edited_first_step_stays_in_its_own_tree(build: Build) -> None:
    def person(ask: HumanRequest) -> Any:
        return {"edits": {step["id"]: "3 + 5 = 8" for step in ask["frontier"]}} if ask["round"] == 1 else APPROVE

    run = Run(build, "dvts")(person)
    assert len(run.asks[1]["frontier"]) == len(run.asks[0]["frontier"]) == 4
    assert all("by" in run.tree.steps[run.tree.path(ask["id"])[0]] for ask in run.asks[1]["frontier"])


def test_a_step_in_the_middle_can_be_edited_and_its_paths_continue_from_there(build: Build) -> None:
    def person(ask: HumanRequest) -> Any:
        if ask["round"] != 2:
            return APPROVE
        return {"edits": {run.tree.path(ask["frontier"][0]["id"])[0]: "3 + 5 = 8"}}

    run = Run(build, "beam_search")
    run(person)
    ((old, new),) = run.tree.human_edits["1"]["edits"].items()
    moved = [ask for ask in run.asks[1]["frontier"] if old in run.trees[1].path(ask["id"])]
    assert len(run.tree.children[new]) == sum(one["continuations"] for one in moved) >= 1


# --- replies that cannot be used -------------------------------------------------------------------------------------


@each
def test_a_bad_reply_is_asked_for_again_with_the_reason(name: str, build: Build, timeless: Timeless) -> None:
    """Nothing is lost by it: the search ends as if it had never been given."""

    def bad(ask: HumanRequest) -> list[Any]:
        some = ask["frontier"][0]["id"]
        return [
            "do as you like",
            {"prune": ["999"]},
            {"prune": [some], "boost": [some]},
            {"prune": some},
            {"edits": {some: " "}},
            {"prune": [], "comment": "?"},
        ]

    wrong: list[Any] = []

    def person(ask: HumanRequest) -> Any:
        if len(run.asks) == 1:
            wrong.extend(bad(ask))
        return wrong.pop(0) if wrong else APPROVE

    run = Run(build, name)
    run(person)
    problems = [ask["error"] for ask in run.asks[:8]]
    assert problems[0] is problems[7] is None
    said = ["Steering", "not the id", "cannot be boosted", "prune", "text is empty", "comment"]
    assert all(word in str(problem) for word, problem in zip(said, problems[1:7], strict=True)), problems
    assert {ask["round"] for ask in run.asks[:7]} == {1}
    assert timeless(run.result) == timeless(Run(build, name)(approve).result)


def test_a_finished_solution_cannot_be_steered(build: Build) -> None:
    def person(ask: HumanRequest) -> Any:
        return {"prune": run.tree.complete[:1]} if run.tree.complete and not ask["error"] else APPROVE

    run = Run(build, "mcts", n=64)
    run(person)
    assert any("finished solution" in (ask["error"] or "") for ask in run.asks)


def test_a_beam_search_is_not_left_without_a_path(build: Build) -> None:
    run = Run(build, "beam_search")(
        lambda ask: APPROVE if ask["error"] else {"prune": [step["id"] for step in ask["frontier"]]}
    )
    assert "no path to continue" in str(run.asks[1]["error"])
    assert run.result["answer"] is not None


# --- saved, embedded, async ------------------------------------------------------------------------------------------


def one_of_each(ask: HumanRequest) -> Any:
    """All kinds of steering, one after the other."""
    paths = [step["id"] for step in ask["frontier"]]
    kinds: list[dict[str, Any]] = [
        {"prune": paths[:-1], "hint": "Mind the carry."},
        {"boost": paths[:1]},
        {"edits": {paths[0]: "All in all: 8 = 8"}},
    ]
    return Steering(**kinds[ask["round"] % 3]).model_dump()


@each
async def test_async_and_in_a_file_and_in_another_process_it_ends_the_same(
    name: str, build: Build, timeless: Timeless, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LANGGRAPH_STRICT_MSGPACK", "true")
    expected = Run(build, name)(one_of_each).result
    path, given = str(tmp_path / "search.sqlite"), QUESTION
    out: Any = {}
    for turn in range(MOST_ASKS):
        if turn % 2:
            with SqliteSaver.from_conn_string(path) as saver:
                graph = _anew(build, name).compile(checkpointer=saver)
                out = graph.invoke(given, thread(), context=SEEDED)
        else:
            async with AsyncSqliteSaver.from_conn_string(path) as later_saver:
                graph = _anew(build, name).compile(checkpointer=later_saver)
                out = await graph.ainvoke(given, thread(), context=SEEDED)
        if (ask := asking(out)) is None:
            break
        given = Command(resume=one_of_each(ask))  # type: ignore[assignment]
    assert timeless(out["result"]) == timeless(expected)


@each
def test_as_a_node_of_an_agent_that_holds_the_checkpointer(name: str, build: Build, monkeypatch: Any) -> None:
    monkeypatch.setenv("LANGGRAPH_STRICT_MSGPACK", "true")
    expected = Run(build, name)(one_of_each).result
    parent: StateGraph[MessagesState, Any, MessagesState, MessagesState] = StateGraph(MessagesState)
    parent.add_node("think", _anew(build, name).compile(name="think"))
    parent.add_edge(START, "think")
    graph = parent.compile(checkpointer=InMemorySaver())
    given: Any = {"messages": [HumanMessage(QUESTION["problem"])]}
    for _ in range(MOST_ASKS):
        out = graph.invoke(given, thread(), context={"its_graph": {"seed": 7}})
        if (ask := asking(out)) is None:
            break
        given = Command(resume=one_of_each(ask))
    assert out["messages"][-1].text == expected["text"]
    spend = out["messages"][-1].response_metadata["its"]["spend"]
    assert spend["calls"] == expected["spend"]["calls"]


def _anew(build: Build, name: str) -> Any:
    return build(name, ToyGenerator(0.3, parameters=10), ToyVerifier(parameters=5), ask=every(1))


@each
def test_the_next_question_on_the_thread_ignores_earlier_steering(name: str, build: Build, timeless: Timeless) -> None:
    run = Run(build, name)(one_of_each)
    alone = Run(build, name)(approve)
    again = run(approve)
    assert timeless(again.result) == timeless(alone.result)
    assert again.tree.question == [{"role": "user", "content": QUESTION["problem"]}]


# --- budget, events --------------------------------------------------------------------------------------------------


def saying(chance: random.Random) -> Person:
    """A person who replies anything, sensible or not."""

    def person(ask: HumanRequest) -> Any:
        paths = [step["id"] for step in ask["frontier"]] + [str(chance.randrange(30))]

        def some() -> list[str]:
            return chance.sample(paths, k=chance.randint(0, 2))

        texts = ["8 = 8", r"so \boxed{21}", r"\boxed{20} " + "very " * 30]
        said = {
            "prune": some(),
            "boost": some(),
            "edits": {step: chance.choice(texts) for step in some()[:1]},
            "hint": chance.choice([None, "go on and on " * 5]),
            "stop": chance.random() < 0.1,
        }
        return APPROVE if ask["error"] else said

    return person


limits = st.one_of(st.none(), st.integers(50, 1500))


@each_way
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(calls=limits, generated=limits, tokens=limits, flops=limits, seed=st.integers(0, 999))
def test_no_limit_is_ever_exceeded(
    name: str,
    options: dict[str, Any],
    build: Build,
    calls: int | None,
    generated: int | None,
    tokens: int | None,
    flops: int | None,
    seed: int,
) -> None:
    budget = Budget(calls=calls, generated_tokens=generated, tokens=tokens, flops=flops and flops * 25)
    run = Run(build, name, context=SearchContext(seed=seed, budget=budget), **options)(saying(random.Random(seed)))
    assert budget.allows(Spend(**run.result["spend"]))
    assert run.result["text"] is not None or run.result["stop_reason"] == "budget"
    written = [step for step, record in run.tree.steps.items() if "by" in record and run.tree.finished(step)]
    assert run.tree.stop_reason in ("budget", "steered") or all(step in run.tree.scores for step in written)


@each_way
def test_verifying_what_a_person_wrote_is_reserved_before_anything_is_sampled(
    name: str, options: dict[str, Any], build: Build
) -> None:
    """Otherwise a sampled step would remain unverified. Many errors make for few equal steps."""

    def person(ask: HumanRequest) -> Any:
        return {"edits": {ask["frontier"][0]["id"]: r"It is \boxed{99}"}} if ask["round"] == 1 else APPROVE

    budgets = (SearchContext(seed=7, budget=Budget(calls=calls)) for calls in range(8, 28))
    runs = [Run(build, name, context=context, n=4, error=0.95, **options)(person) for context in budgets]
    asked = [run.tree for run in runs if run.asks]
    assert len(asked) >= 5
    for tree in asked:
        steps = [step for step, record in tree.steps.items() if "auxiliary" not in record]
        beginnings = options.get("rollout_weight") == 1  # then nobody judges them
        assert all(step in tree.scores for step in steps if not (beginnings and tree.open(step)))


@each
def test_the_events_alone_rebuild_the_tree_hints_and_prunes_included(name: str, build: Build) -> None:
    run = Run(build, name)(one_of_each)
    seen, state = rebuild(run.events), run.graph.get_state(thread()).values
    for key in ("strategy", "question", "settings", "steps", "scores", "human_edits", "charges", "result", "answer"):
        assert seen[key] == state[key], key
    rebuilt, tree = Tree.of(seen), run.tree
    assert rebuilt.question == tree.question != state["question"]
    assert [rebuilt.pruned(step) for step in tree.steps] == [tree.pruned(step) for step in tree.steps]
    assert any(map(tree.pruned, tree.steps))
    assert (rebuilt.frontier, rebuilt.finalists) == (tree.frontier, tree.finalists)


def test_all_events_are_of_the_published_kinds(build: Build) -> None:
    run = Run(build, "mcts")(one_of_each)
    asked = [{"type": "its.human_requested", "request": ask} for ask in run.asks]
    ended = {"type": "its.ended", "status": "failed", "error": "why"}
    events = json.loads(json.dumps([*run.events, *asked, ended]))
    assert [parse_event(event) for event in events] == events
    assert rebuild(events) == rebuild(run.events)
    assert {"its.steered", "its.step_added", "its.selected"} <= {event["type"] for event in run.events}


@each
def test_waiting_repeats_no_charge_and_no_event(name: str, build: Build) -> None:
    def events(run: Run) -> list[Any]:
        told = [event for event in run.events if event["type"] != "its.steered"]
        return [event | {"charge": event["charge"] | {"seconds": 0}} if "charge" in event else event for event in told]

    asked = Run(build, name)(lambda ask: APPROVE if ask["error"] else {"prune": ["999"]})
    alone = Run(build, name, ask=lambda tree: False)(approve)
    assert events(asked)[:-1] == events(alone)[:-1]
    told = [event for event in asked.events if event["type"] == "its.steered"]
    assert len(told) == len({event["id"] for event in told}) == len(asked.asks) / 2
    assert asked.tree.charges.keys() == alone.tree.charges.keys()


@each
def test_a_short_recursion_limit_still_leaves_an_answer(name: str, build: Build) -> None:
    """A rule that never asks: each reply starts a new run, with its own limit."""
    graph = build(name, ask=lambda tree: False, n=8).compile(checkpointer=InMemorySaver())
    for limit in range(12, 24):
        out = graph.invoke(QUESTION, thread(limit) | {"recursion_limit": limit}, context=SEEDED)
        assert out["result"]["answer"] is not None
