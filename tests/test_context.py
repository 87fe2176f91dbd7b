"""Settings from whatever context the surrounding run has."""

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, TypedDict

import pytest
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, StateGraph
from pydantic import BaseModel, ValidationError

from its_graph import Budget, SearchContext, create
from its_graph.context import search_context
from its_graph.errors import ConfigurationError
from its_graph.testing import ToyGenerator


class State(TypedDict, total=False):
    settings: dict[str, Any]


class Shared(TypedDict, total=False):
    problem: str
    result: dict[str, Any]


def read(context: Any) -> SearchContext:
    """Return the settings that a node reads in a run with this context."""
    graph: StateGraph[State, Any, State, State] = StateGraph(State)
    graph.add_node("read", lambda state: {"settings": search_context().model_dump()})
    graph.add_edge(START, "read")
    return SearchContext.model_validate(graph.compile().invoke({}, context=context)["settings"])


@dataclass
class Agent:
    """Another program's context: some names are ours, with values that we cannot use."""

    user: str = "me"
    seed: int = 5
    system: dict[str, str] = field(default_factory=lambda: {"os": "linux"})
    budget: float = 12.5
    temperature: float = 0.25
    retries: str = "many"


class Model(BaseModel):
    seed: int = 5
    temperature: float = -3.0
    max_tokens: str = "4k"


@pytest.mark.parametrize(
    ("context", "expected"),
    [
        (None, {}),
        ({}, {}),
        (object(), {}),
        (Agent(), {"seed": 5, "temperature": 0.25}),
        (Model(), {"seed": 5}),
        (SimpleNamespace(seed=lambda: 3, top_p=0.5), {"top_p": 0.5}),
        ({"seed": 1, "budget": {"calls": 3}}, {"seed": 1, "budget": Budget(calls=3)}),
        ({"user": "me", "seed": 1}, {"seed": 1}),
        ({"user": "me", "seed": 1, "system": {"os": "linux"}, "budget": {"euros": 3}}, {"seed": 1}),
        (SearchContext(seed=1), {"seed": 1}),
    ],
)
def test_valid_values_are_used(context: Any, expected: dict[str, Any]) -> None:
    assert read(context) == SearchContext(**expected)


@pytest.mark.parametrize("ours", [{"seed": 1, "budget": {"calls": 3}}, SearchContext(seed=1, budget=Budget(calls=3))])
def test_under_our_key_only_that_is_read(ours: Any) -> None:
    expected = SearchContext(seed=1, budget=Budget(calls=3))
    assert read({"its_graph": ours, "seed": 9, "system": "theirs"}) == expected
    assert read(SimpleNamespace(its_graph=ours, seed=9, system="theirs")) == expected
    assert read(SimpleNamespace(its_graph=None, seed=9)) == SearchContext(seed=9)
    assert read({"its_graph": None, "seed": 9}) == SearchContext(seed=9)


@pytest.mark.parametrize(
    "context",
    [
        {"temperature": -1},
        {"system": {"os": "linux"}},
        {"its_graph": {"temperature": -1}, "user": "me"},
        SimpleNamespace(its_graph={"temperature": -1}),
        {"its_graph": {"budget": {"euros": 3}}},
        {"seed": 2**63},
        {"budget": {"tokens": 2**70}},
    ],
)
def test_an_invalid_value_of_ours_is_refused_by_name(context: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"invalid search settings.*\n(temperature|system|budget|seed)"):
        read(context)


@pytest.mark.parametrize("field", ["seed", "max_tokens", "step_tokens", "retries"])
def test_integers_too_large_for_a_checkpoint_are_refused_up_front(field: str) -> None:
    """An integer beyond 64 bits would fail the search when its state is written."""
    with pytest.raises(ValidationError, match=rf"{field}\n.*less than 9223372036854775808"):
        SearchContext.model_validate({field: 2**63})
    graph = create("single", ToyGenerator()).compile(checkpointer=InMemorySaver())
    context = SearchContext.model_validate({field: 2**63 - 1 if field != "retries" else 2})
    out = graph.invoke({"problem": "Add 1, 2."}, {"configurable": {"thread_id": "1"}}, context=context)
    assert out["answer"] is not None


@pytest.mark.parametrize("limit", ["calls", "generated_tokens", "tokens"])
def test_limits_too_large_for_a_checkpoint_are_refused_up_front(limit: str) -> None:
    with pytest.raises(ValidationError, match=rf"{limit}\n.*less than 9223372036854775808"):
        Budget.model_validate({limit: 2**63})
    assert Budget.model_validate({limit: 2**63 - 1}).limited


@pytest.mark.parametrize("context", [{"its_graph": 5}, SimpleNamespace(its_graph=5)])
def test_another_type_under_our_key_is_refused(context: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"must be a SearchContext or a dict of its fields; got int"):
        read(context)


@pytest.mark.parametrize("ours", [{"seed": 3}, SearchContext(seed=3)])
def test_a_strategy_that_is_called_directly_reads_the_same_context(ours: Any) -> None:
    graph = create("single", ToyGenerator()).compile()
    out = graph.invoke({"problem": "Add 1, 2."}, context={"user": "me", "its_graph": ours})
    assert out["result"]["seed"] == 3
    with pytest.raises(ValidationError, match="temperature"):
        graph.invoke({"problem": "Add 1, 2."}, context={"its_graph": {"temperature": -1}})


def test_a_search_inside_an_agent_with_its_own_context() -> None:
    parent: StateGraph[Shared, Agent, Shared, Shared] = StateGraph(Shared, context_schema=Agent)
    parent.add_node("think", create("single", ToyGenerator()).compile())
    parent.add_edge(START, "think")
    assert parent.compile().invoke({"problem": "Add 1, 2."}, context=Agent())["result"]["seed"] == 5
