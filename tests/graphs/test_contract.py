"""The contract that every strategy of the registry keeps. A new strategy is tested here by being registered."""

import inspect
import operator
from collections.abc import Callable
from functools import reduce
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.graph import END, START, MessagesState, StateGraph
from syrupy.assertion import SnapshotAssertion

from its_graph import Budget, Sample, SampleRequest, SearchContext, Spend
from its_graph.catalog.registry import STRATEGIES, strategy
from its_graph.contracts import Candidate
from its_graph.errors import InputError, SearchFailedError
from its_graph.graphs import comparison_search, step_search
from its_graph.search.events import rebuild
from its_graph.search.tree import Tree
from its_graph.testing import ScriptedGenerator, ScriptedVerifier, ToyGenerator, ToyVerifier

pytestmark = pytest.mark.parametrize("name", STRATEGIES)

Build = Callable[..., Any]
Timeless = Callable[[dict[str, Any]], dict[str, Any]]
PROBLEM = "Add 3, 5, 4, 7, 2."
SEEDED = SearchContext(seed=7)
QUESTION = {"problem": PROBLEM}


# --- results ---------------------------------------------------------------------------------------------------------


def test_the_result_holds_every_candidate_and_the_ledger(name: str, build: Build) -> None:
    out = build(name).compile(name=name).invoke(QUESTION, context=SEEDED)
    result = out["result"]
    assert result["strategy"] == name
    assert result["seed"] == 7
    assert result["stop_reason"] == "completed"
    assert out["answer"] == result["answer"] is not None
    assert out["messages"][-1].text == result["text"]
    assert set(result["spend"]) == set(Spend._fields)
    assert all({"text", "answer", "score", "finished"} <= set(candidate) for candidate in result["candidates"])
    assert result["text"] in [candidate["text"] for candidate in result["candidates"]]


def test_only_input_and_output_leave_the_search(name: str, build: Build) -> None:
    out = build(name).compile(name=name).invoke(QUESTION, context=SEEDED)
    assert set(out) == {"messages", "answer", "result"}


async def test_sync_equals_async(name: str, build: Build, timeless: Timeless) -> None:
    graph = build(name).compile(name=name)
    sync = graph.invoke(QUESTION, context=SEEDED)
    later = await graph.ainvoke(QUESTION, context=SEEDED)
    assert timeless(sync["result"]) == timeless(later["result"])


def test_a_seed_repeats_a_run_and_another_one_does_not(name: str, build: Build, timeless: Timeless) -> None:
    graph = build(name, ToyGenerator(0.9)).compile(name=name)
    runs = [graph.invoke(QUESTION, context=SearchContext(seed=seed))["result"] for seed in (3, 3, 4)]
    assert timeless(runs[0]) == timeless(runs[1])
    assert [candidate["text"] for candidate in runs[0]["candidates"]] != [
        candidate["text"] for candidate in runs[2]["candidates"]
    ]


def test_without_a_seed_one_is_drawn_and_reported(name: str, build: Build, timeless: Timeless) -> None:
    graph = build(name).compile(name=name)
    first, other = graph.invoke(QUESTION)["result"], graph.invoke(QUESTION)["result"]
    again = graph.invoke(QUESTION, context=SearchContext(seed=first["seed"]))["result"]
    assert timeless(first) == timeless(again)
    assert other["seed"] != first["seed"]


def test_spend_is_the_sum_of_what_was_recorded(name: str, build: Build) -> None:
    graph = build(name, ToyGenerator(0.3, parameters=10), ToyVerifier(parameters=5)).compile(
        name=name, checkpointer=InMemorySaver()
    )
    config: RunnableConfig = {"configurable": {"thread_id": "1"}}
    spend = graph.invoke(QUESTION, config, context=SEEDED)["result"]["spend"]
    state = graph.get_state(config).values
    assert spend["generated_tokens"] == sum(step["tokens"] for step in state["steps"].values()) > 0
    opinions = [*state.get("scores", {}).values(), *state.get("judgments", {}).values()]
    assert spend["verifier_tokens"] == sum(opinion["tokens"] for opinion in opinions)
    forward = 20 * (spend["prompt_tokens"] + spend["generated_tokens"]) + 10 * spend["verifier_tokens"]
    assert spend["flops"] == pytest.approx(forward)


# --- budget ----------------------------------------------------------------------------------------------------------

limits = st.one_of(st.none(), st.integers(0, 1500))


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(calls=limits, generated=limits, tokens=limits, flops=limits, error=st.floats(0, 1), seed=st.integers(0, 99))
def test_no_limit_is_ever_exceeded(
    name: str,
    build: Build,
    calls: int | None,
    generated: int | None,
    tokens: int | None,
    flops: int | None,
    error: float,
    seed: int,
) -> None:
    budget = Budget(calls=calls, generated_tokens=generated, tokens=tokens, flops=flops and flops * 25)
    graph = build(name, ToyGenerator(error, parameters=10), ToyVerifier(parameters=5)).compile(name=name)
    result = graph.invoke(QUESTION, context=SearchContext(seed=seed, budget=budget))["result"]
    assert budget.allows(Spend(**result["spend"]))
    assert (result["text"] is None) <= (result["stop_reason"] == "budget")


def test_a_budget_that_ends_halfway_still_gives_an_answer(name: str, build: Build) -> None:
    whole = build(name).compile(name=name).invoke(QUESTION, context=SEEDED)["result"]["spend"]
    everything = whole["prompt_tokens"] + whole["generated_tokens"] + whole["verifier_tokens"]
    budget = Budget(tokens=max(everything // 2, 80))
    result = build(name).compile(name=name).invoke(QUESTION, context=SearchContext(seed=7, budget=budget))["result"]
    assert result["answer"] is not None
    assert result["stop_reason"] == ("budget" if name != "single" else "completed")


def test_no_time_means_no_call(name: str, build: Build) -> None:
    generator = ToyGenerator()
    context = SearchContext(seed=7, budget=Budget(seconds=0))
    result = build(name, generator).compile(name=name).invoke(QUESTION, context=context)["result"]
    assert generator.requests == []
    assert result["stop_reason"] == "budget"
    assert result["text"] is None


def test_backends_receive_the_time_that_is_left(name: str, build: Build) -> None:
    generator = ToyGenerator()
    context = SearchContext(seed=7, budget=Budget(seconds=60))
    build(name, generator).compile(name=name).invoke(QUESTION, context=context)
    deadlines = [request.timeout_s for request in generator.requests]
    assert all(deadline is not None and 0 < deadline <= 60 for deadline in deadlines)


# --- events ----------------------------------------------------------------------------------------------------------


def test_the_events_alone_rebuild_the_final_tree(name: str, build: Build) -> None:
    graph = build(name).compile(name=name, checkpointer=InMemorySaver())
    config: dict[str, Any] = {"configurable": {"thread_id": "1"}}
    parts = graph.stream(QUESTION, config, context=SEEDED, stream_mode="custom", subgraphs=True, version="v2")
    seen = rebuild(part["data"] for part in parts if part["type"] == "custom")
    state = graph.get_state(config).values
    for key in ("strategy", "question", "settings", "steps", "failures", "charges", "result", "answer"):
        assert seen.get(key, {}) == state.get(key, {}), key
    assert seen["scores"] == state.get("scores", {})
    assert seen.get("frontier", []) == state["frontier"]
    assert Tree.of(seen).finalists == Tree.of(state).finalists


def test_events_come_while_their_batch_is_still_running(
    name: str, build: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reply's event is sent before the next reply of the same batch is computed."""
    events: list[dict[str, Any]] = []
    monkeypatch.setattr("its_graph.search.events.get_stream_writer", lambda: events.append)
    seen_at_request: list[int] = []
    toy = ToyGenerator(0.3)

    def watch(request: SampleRequest) -> str:
        seen_at_request.append(sum(event["type"] == "its.step_added" for event in events))
        return str(toy.script(request))

    build(name, ScriptedGenerator(watch)).compile(name=name).invoke(QUESTION, context=SEEDED)
    assert seen_at_request == list(range(len(seen_at_request)))


def test_a_second_search_in_one_stream_replaces_the_first(name: str, build: Build) -> None:
    def events(n: int) -> list[dict[str, Any]]:
        graph = build(name, n=n).compile(name=name)
        parts = graph.stream(QUESTION, context=SEEDED, stream_mode="custom", subgraphs=True, version="v2")
        return [part["data"] for part in parts if part["type"] == "custom"]

    first, second = events(16), events(4)
    assert rebuild(first + second) == rebuild(second)


# --- failures --------------------------------------------------------------------------------------------------------


def failing_at(bad: int, error: Exception) -> ScriptedGenerator:
    """Return a toy generator whose call number `bad` fails."""
    toy = ToyGenerator(0.3)
    calls = iter(range(10**9))

    def script(request: SampleRequest) -> str | Sample:
        if next(calls) == bad:
            raise error
        return toy.script(request)

    return ScriptedGenerator(script)


def test_one_failing_sample_loses_only_itself(name: str, build: Build) -> None:
    if name == "single":
        pytest.skip("single has one sample: losing it is losing the search, see the next test")
    whole = build(name).compile(name=name).invoke(QUESTION, context=SEEDED)["result"]
    holed = build(name, failing_at(5, ValueError("bad reply"))).compile(name=name)
    result = holed.invoke(QUESTION, context=SEEDED)["result"]
    assert result["failed"] == ["ValueError: bad reply"]
    assert result["answer"] is not None
    if name in {"best_of_n", "self_consistency"}:
        lost = [candidate for candidate in whole["candidates"] if candidate["id"] == "5"]
        assert sorted(map(str, result["candidates"] + lost)) == sorted(map(str, whole["candidates"]))


def test_if_every_sample_fails_the_error_says_why(name: str, build: Build) -> None:
    def dead(request: SampleRequest) -> str:
        raise ValueError("no such model")

    with pytest.raises(SearchFailedError, match=r"samples? failed.*ValueError: no such model"):
        build(name, ScriptedGenerator(dead)).compile(name=name).invoke(QUESTION, context=SEEDED)


def test_a_lost_connection_is_retried_with_the_same_seed(name: str, build: Build, timeless: Timeless) -> None:
    whole = build(name).compile(name=name).invoke(QUESTION, context=SEEDED)["result"]
    shaky = build(name, failing_at(0, ConnectionError("reset"))).compile(name=name)
    result = shaky.invoke(QUESTION, context=SEEDED)["result"]
    assert result["failed"] == []
    assert result["candidates"] == whole["candidates"]
    assert result["spend"]["calls"] == whole["spend"]["calls"] + 1


def test_nothing_is_retried_without_retries(name: str, build: Build) -> None:
    graph = build(name, failing_at(0, ConnectionError("reset"))).compile(name=name)
    context = SearchContext(seed=7, retries=0)
    if name == "single":
        with pytest.raises(SearchFailedError, match="ConnectionError: reset"):
            graph.invoke(QUESTION, context=context)
    else:
        assert graph.invoke(QUESTION, context=context)["result"]["failed"] == ["ConnectionError: reset"]


@pytest.mark.parametrize("said", [float("nan"), 3.0, ValueError("out of memory")])
def test_a_verifier_without_an_opinion_leaves_the_choice_to_the_vote(name: str, build: Build, said: Any) -> None:
    def judge(candidate: Candidate) -> float:
        if isinstance(said, Exception):
            raise said
        return float(said)

    result = build(name, ToyGenerator(0.1), ScriptedVerifier(judge)).compile(name=name).invoke(QUESTION, context=SEEDED)
    assert result["answer"] is not None
    if name == "best_of_n":
        assert result["answer"] == "21"
    if any(candidate["score"] is None for candidate in result["result"]["candidates"]) and result["result"]["unscored"]:
        notes = [note for note in result["result"]["notes"] if not note.startswith("Routed: ")]
        assert notes == ["No candidate that may vote has a score: the vote decided."]


@pytest.mark.parametrize("given", [{"problem": " "}, {"messages": []}, {"messages": [HumanMessage("")]}, {}])
def test_without_a_question_the_error_says_what_to_give(name: str, build: Build, given: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=r"[Pp]ass (a question as )?`problem`"):
        build(name).compile(name=name).invoke(given, context=SEEDED)


# --- threads, parents, checkpoints -----------------------------------------------------------------------------------


def test_a_thread_used_twice_never_mixes_trees(name: str, build: Build, timeless: Timeless) -> None:
    graph = build(name).compile(name=name, checkpointer=InMemorySaver())
    config: RunnableConfig = {"configurable": {"thread_id": "1"}}
    graph.invoke({"problem": "Add 1, 1, 1, 1, 1, 1, 1."}, config, context=SearchContext(seed=1))
    second = graph.invoke(QUESTION, config, context=SEEDED)["result"]
    alone = build(name).compile(name=name).invoke(QUESTION, context=SEEDED)["result"]
    assert timeless(second) == timeless(alone)


class ForeignContext:
    """A context class of another library."""


@pytest.mark.parametrize("context", [None, {"user": "me"}, ForeignContext()])
def test_it_drops_into_a_messages_parent(name: str, build: Build, context: Any) -> None:
    parent = StateGraph(MessagesState, context_schema=type(context) if context else None)
    parent.add_node("think", build(name).compile(name=name))
    parent.add_node("polite", lambda state: {"messages": [AIMessage("Done.")]})
    parent.add_edge(START, "think")
    parent.add_edge("think", "polite")
    parent.add_edge("polite", END)
    graph = parent.compile(checkpointer=InMemorySaver())
    config: RunnableConfig = {"configurable": {"thread_id": "1"}}
    out = graph.invoke({"messages": [HumanMessage(PROBLEM)]}, config, context=context)
    assert [message.type for message in out["messages"]] == ["human", "ai", "ai"]
    assert "boxed" in out["messages"][1].text
    assert out["messages"][1].response_metadata["its"]["answer"] is not None
    assert out["messages"][1].usage_metadata is None
    again = graph.invoke({"messages": [HumanMessage("Add 1, 2.")]}, config, context=context)
    assert len(again["messages"]) == 6


def test_a_context_given_as_a_dict_is_read(name: str, build: Build) -> None:
    parent: StateGraph[MessagesState, Any, MessagesState, MessagesState] = StateGraph(MessagesState)
    parent.add_node("think", build(name).compile(name=name))
    parent.add_edge(START, "think")
    out = parent.compile().invoke({"messages": [HumanMessage(PROBLEM)]}, context={"seed": 3, "budget": {"calls": 5}})
    spend = out["messages"][-1].response_metadata["its"]["spend"]
    assert spend["calls"] <= 5


@pytest.mark.parametrize("kind", ["memory", "sqlite"])
def test_stopped_after_every_superstep_and_resumed_it_ends_the_same(
    name: str, kind: str, build: Build, timeless: Timeless, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LANGGRAPH_STRICT_MSGPACK", "true")
    whole = build(name).compile(name=name).invoke(QUESTION, context=SEEDED)["result"]
    saver = InMemorySaver() if kind == "memory" else SqliteSaver.from_conn_string(str(tmp_path / "search.sqlite"))
    if kind == "memory":
        resumed = _run_in_pieces(build(name).compile(name=name, checkpointer=saver))
    else:
        with saver as opened:
            resumed = _run_in_pieces(build(name).compile(name=name, checkpointer=opened))
    assert timeless(resumed) == timeless(whole)


def _run_in_pieces(graph: Any) -> dict[str, Any]:
    config: RunnableConfig = {"configurable": {"thread_id": "1"}}
    graph.invoke(QUESTION, config, context=SEEDED, interrupt_after="*")
    pieces = 1
    while graph.get_state(config).next:
        graph.invoke(None, config, interrupt_after="*")
        pieces += 1
    assert pieces >= 3
    result: dict[str, Any] = graph.get_state(config).values["result"]
    return result


def test_killed_in_the_middle_of_a_batch_it_repeats_only_that_node(name: str, build: Build, timeless: Timeless) -> None:
    toy = ToyGenerator(0.3)
    countdown = iter([False] * (20 if "n" in name and name in {"beam_search", "dvts"} else 0) + [True] + [False] * 999)

    def script(request: SampleRequest) -> str:
        if next(countdown):
            raise KeyboardInterrupt
        return str(toy.script(request))

    whole = build(name).compile(name=name).invoke(QUESTION, context=SEEDED)["result"]
    graph = build(name, ScriptedGenerator(script)).compile(name=name, checkpointer=InMemorySaver())
    config: RunnableConfig = {"configurable": {"thread_id": "1"}}
    with pytest.raises(KeyboardInterrupt):
        graph.invoke(QUESTION, config, context=SEEDED)
    resumed = graph.invoke(None, config)["result"]
    assert timeless(resumed) == timeless(whole)


# --- candidates, diagrams --------------------------------------------------------------------------------------------


def test_finished_candidates_are_scored_and_never_extended(name: str, build: Build) -> None:
    def quick(request: SampleRequest) -> str:
        """End at once for some seeds, think one more step for others."""
        return r"\boxed{21}" if request.seed is not None and request.seed % 3 == 0 else "hm\n\n" + r"\boxed{21}"

    generator = ScriptedGenerator(quick)
    graph = build(name, generator).compile(name=name, checkpointer=InMemorySaver())
    config: RunnableConfig = {"configurable": {"thread_id": "1"}}
    result = graph.invoke(QUESTION, config, context=SEEDED)["result"]
    tree = Tree.of(graph.get_state(config).values)
    assert all(not tree.finished(step["parent"]) for step in tree.steps.values() if step["parent"] is not None)
    if name != "budget_forcing":  # continuing after an end is its purpose: it records no end that it ignores
        assert all(r"\boxed" not in request.prefix for request in generator.requests)
    finished = [candidate for candidate in result["candidates"] if candidate["finished"]]
    assert len(finished) >= 1
    if tree.scores:
        assert all(one["score"] is not None for one in finished)


def test_cut_off_samples_do_not_vote(name: str, build: Build) -> None:
    def ramble(request: SampleRequest) -> Sample:
        return Sample(text=r"so \boxed{1} and", finish_reason="length", generated_tokens=3)

    result = build(name, ScriptedGenerator(ramble)).compile(name=name).invoke(QUESTION, context=SEEDED)["result"]
    assert result["votes"] == []
    assert result["truncated"] == len(result["candidates"]) >= 1


def test_the_diagram_is_the_loop(name: str, build: Build, snapshot: SnapshotAssertion) -> None:
    drawn = build(name).compile(name=name).get_graph().draw_mermaid(with_styles=False)
    assert drawn == snapshot


def _loop(graph: StateGraph[Any, Any, Any, Any]) -> list[str]:
    """Return the drawing of a graph as text: unbranched ways as one line, then one line per exit."""
    next_node = dict(graph.edges)
    exits = {
        node: [exit for branch in branches.values() for exit in (branch.ends or {}).items()]
        for node, branches in graph.branches.items()
    }
    lines: list[str] = []
    drawn: set[str] = set()
    queue = [("question", "question")]
    while queue:
        line, node = queue.pop(0)
        while node not in drawn and node != END:
            drawn.add(node)
            if node in exits:
                arrows = [(f"-({label})->" if label != end else "->", end) for label, end in exits[node]]
                queue += [(f"{node} {arrow} {end}", end) for arrow, end in arrows]
                break
            node = next_node[node]
            line += "" if node == END else f" -> {node}"
        lines.append(line)
    return lines


def test_the_docstring_draws_the_loop(name: str) -> None:
    found = strategy(name)
    graph = found.create(ToyGenerator(), ToyVerifier(), {})
    drawing = "\n".join(f"    {line}" for line in _loop(graph))
    assert f"\n\n{drawing}\n\n" in str(inspect.getdoc(inspect.getmodule(found.factory)))
    shared = {"beam_search": step_search, "knockout": comparison_search}
    assert name not in shared or drawing in str(inspect.getdoc(shared[name]))


def test_the_logs_hold_no_full_texts(name: str, build: Build) -> None:
    """A step holds its own text only: no record repeats its parent's."""
    graph = build(name).compile(name=name, checkpointer=InMemorySaver())
    config: RunnableConfig = {"configurable": {"thread_id": "1"}}
    graph.invoke(QUESTION, config, context=SEEDED)
    tree = Tree.of(graph.get_state(config).values)
    parents = [(step, tree.steps[step["parent"]]) for step in tree.steps.values() if step["parent"] is not None]
    assert not any(step["text"].startswith(parent["text"]) for step, parent in parents)
    assert reduce(operator.add, (step["text"] for step in tree.steps.values()), "")
