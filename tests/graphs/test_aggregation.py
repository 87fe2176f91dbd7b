"""Recursive self-aggregation through the graph: docs/reference/algorithms.md 4.4."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from langgraph.checkpoint.memory import InMemorySaver

from its_graph import Budget, Sample, SampleRequest, SearchContext
from its_graph.errors import ConfigurationError
from its_graph.graphs import create_aggregation, create_self_consistency
from its_graph.nodes import prompts
from its_graph.nodes.revision.population import random_member
from its_graph.search.tree import Tree
from its_graph.testing import ScriptedGenerator, ToyGenerator

SEEDED = SearchContext(seed=7)
PROBLEM = "Add 3, 5, 4, 7, 2."


def run(graph: Any, context: SearchContext = SEEDED, **config: Any) -> tuple[dict[str, Any], Tree]:
    """Return the result and the tree of one run."""
    compiled = graph.compile(checkpointer=InMemorySaver())
    thread: dict[str, Any] = {"configurable": {"thread_id": "1"}} | config
    result = compiled.invoke({"problem": PROBLEM}, thread, context=context)["result"]
    return result, Tree.of(compiled.get_state(thread).values)


def seen(request: SampleRequest) -> list[str]:
    """Return the earlier texts that a request shows."""
    return [str(message["content"]) for message in request.messages if message["role"] == "assistant"]


def numbered(say: Callable[[int], str | Sample]) -> ScriptedGenerator:
    """Return a generator whose replies are a function of their number."""
    generator = ScriptedGenerator(lambda request: say(len(generator.requests) - 1))
    return generator


@pytest.mark.parametrize(("n", "rounds", "calls"), [(4, 2, 12), (4, 0, 4), (1, 3, 4), (16, 1, 32)])
def test_the_calls_are_n_and_n_for_each_round(n: int, rounds: int, calls: int) -> None:
    """Reference 4.4: calls = N + N*T (N=4, T=2: 12)."""
    result, tree = run(create_aggregation(ToyGenerator(), n=n, rounds=rounds))
    assert result["spend"]["calls"] == calls == len(tree.steps)
    assert result["stop_reason"] == "completed"


def test_each_member_is_written_from_k_different_ones_of_the_population_before() -> None:
    """Reference 4.4: K members distinct, drawn by the seeded RNG."""
    toy = ToyGenerator(0.5)
    _, tree = run(create_aggregation(toy, n=6, k=3, rounds=2))
    for key, step in tree.steps.items():
        shown = step.get("sources", [])
        assert len(set(shown)) == len(shown) == (0 if int(key) < 6 else 3)
        assert all(int(one) // 6 == int(key) // 6 - 1 for one in shown)
        request = toy.requests[int(key)]
        assert list(request.messages) == prompts.aggregate(tree.question, [tree.text(one) for one in shown])
    assert tree.frontier == [str(key) for key in range(12, 18)]


def test_the_seed_decides_who_is_shown_to_whom() -> None:
    groups = [
        [step.get("sources") for step in run(create_aggregation(ToyGenerator(), n=6, k=3), context)[1].steps.values()]
        for context in (SEEDED, SEEDED, SearchContext(seed=8))
    ]
    assert groups[0] == groups[1] != groups[2]


def test_with_k_one_it_is_self_refinement() -> None:
    """Reference 4.4: K=1 is self-refinement."""
    toy = ToyGenerator()
    _, tree = run(create_aggregation(toy, n=3, k=1, rounds=1))
    assert all(list(request.messages) == prompts.revise(tree.question, seen(request)) for request in toy.requests[3:])
    assert all(len(seen(request)) == 1 for request in toy.requests[3:])


def test_without_rounds_it_is_self_consistency() -> None:
    """Reference 4.4: T=0 is self-consistency."""
    voted, _ = run(create_self_consistency(ToyGenerator(0.5), n=9))
    result, _ = run(create_aggregation(ToyGenerator(0.5), n=9, rounds=0))
    for key in ("candidates", "votes", "answer", "text", "tie", "notes"):
        assert result[key] == voted[key]


def test_only_the_last_population_votes() -> None:
    result, _ = run(create_aggregation(numbered(lambda at: rf"\boxed{{{1 if at < 8 else 2 + at % 2}}}"), n=4, rounds=2))
    assert result["answer"] == "2"
    assert [(vote["answer"], vote["weight"]) for vote in result["votes"]] == [("2", 2.0), ("3", 2.0)]
    assert result["tie"]
    assert len(result["candidates"]) == 12


def test_a_model_that_can_compare_lifts_the_minority_that_is_right() -> None:
    """A third of the first population is right; a member that is shown a right one adopts it."""

    def script(request: SampleRequest) -> str:
        right = r"\boxed{21}" in seen(request) if seen(request) else (request.seed or 0) % 3 == 0
        return r"\boxed{21}" if right else r"\boxed{20}"

    voted, _ = run(create_self_consistency(ScriptedGenerator(script), n=12))
    result, _ = run(create_aggregation(ScriptedGenerator(script), n=12, k=3, rounds=2))
    assert voted["answer"] == "20"
    assert result["answer"] == "21"


@pytest.mark.parametrize("reply", [ValueError("bad reply"), Sample(text="so", finish_reason="length")])
def test_a_member_that_fails_or_is_cut_off_leaves_the_one_before_it(reply: Exception | Sample) -> None:
    def say(at: int) -> str | Sample:
        if at == 4:
            if isinstance(reply, Exception):
                raise reply
            return reply
        return rf"\boxed{{{at}}}"

    _, tree = run(create_aggregation(numbered(say), n=3, k=2, rounds=2))
    assert {step for key in "678" for step in tree.steps[key]["sources"]} <= {"3", "1", "5"}
    assert tree.frontier == ["6", "7", "8"]


def test_a_population_that_fails_whole_leaves_the_one_before() -> None:
    def say(at: int) -> str:
        if 4 <= at < 8:
            raise ValueError("bad reply")
        return rf"\boxed{{{at}}}"

    result, tree = run(create_aggregation(numbered(say), n=4, rounds=2))
    assert all(set(tree.steps[key]["sources"]) == set("0123") for key in ("8", "9", "10", "11"))
    assert result["stop_reason"] == "completed"


def test_a_backend_that_dies_leaves_the_answer_to_the_last_that_lived() -> None:
    def say(at: int) -> str:
        if at >= 4:
            raise ValueError("out of memory")
        return rf"\boxed{{{5 + (at == 0)}}}"

    result, tree = run(create_aggregation(numbered(say), n=4, rounds=2))
    assert result["answer"] == "5"
    assert tree.frontier == ["0", "1", "2", "3"]


def test_a_first_population_that_fails_is_drawn_again() -> None:
    def say(at: int) -> str:
        if at < 2:
            raise ValueError("bad reply")
        return r"\boxed{5}"

    result, tree = run(create_aggregation(numbered(say), n=2, rounds=1))
    assert result["answer"] == "5"
    assert not any("sources" in step for step in tree.steps.values())


def test_a_last_population_without_answers_leaves_the_vote_to_all() -> None:
    result, _ = run(create_aggregation(numbered(lambda at: r"\boxed{5}" if at < 3 else "hm"), n=3, k=2, rounds=1))
    assert result["answer"] == "5"
    assert result["notes"] == ["The newest solutions have no answer: older ones voted."]


def test_a_budget_that_ends_in_a_round_leaves_its_old_members_in_place() -> None:
    context = SearchContext(seed=7, budget=Budget(calls=6))
    result, tree = run(create_aggregation(numbered(lambda at: rf"\boxed{{{at}}}"), n=4, rounds=2), context)
    assert tree.frontier == ["4", "5", "2", "3"]
    assert result["stop_reason"] == "budget"
    assert Counter(vote["weight"] for vote in result["votes"]) == {1.0: 4}


def test_a_recursion_limit_leaves_room_for_the_answer() -> None:
    result, _ = run(create_aggregation(ToyGenerator(), n=2, rounds=100), recursion_limit=12)
    assert result["stop_reason"] == "recursion_limit"
    assert result["answer"] is not None


def test_a_random_member_can_be_the_answer() -> None:
    """Reference 4.4: final by vote or a random member."""
    said = numbered(lambda at: rf"\boxed{{{at}}}")
    result, tree = run(create_aggregation(said, n=4, k=2, rounds=1, choose=random_member))
    assert result["answer"] in {tree.text(step).removeprefix(r"\boxed{").removesuffix("}") for step in tree.frontier}


@pytest.mark.parametrize(
    ("options", "message"),
    [({"n": 0}, "n >= 1; got n=0"), ({"k": 0}, "k >= 1; got k=0"), ({"rounds": -1}, "rounds >= 0")],
)
def test_invalid_options_are_rejected(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        create_aggregation(ToyGenerator(), **options)
