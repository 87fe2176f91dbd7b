"""How tracers and the `messages` stream see the model calls of a search."""

from typing import Any

import pytest
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.messages import BaseMessage

from its_graph import SearchContext
from its_graph.agents.testing import ScriptedChatModel
from its_graph.contracts import Generator
from its_graph.generators.team import Team
from its_graph.graphs import create_best_of_n, create_self_consistency
from its_graph.search.tracing import call_configs
from its_graph.testing import ToyVerifier

QUESTION: Any = {"problem": "What is 6 x 7?"}
SETTINGS = SearchContext(seed=1)


class Tracer(BaseCallbackHandler):
    """Records every model call."""

    def __init__(self) -> None:
        self.calls: list[dict[str, Any]] = []

    def on_chat_model_start(
        self, serialized: dict[str, Any], messages: list[list[BaseMessage]], **details: Any
    ) -> None:
        self.calls.append(details)


def _model() -> ScriptedChatModel:
    return ScriptedChatModel(script=lambda messages, number: rf"\boxed{{{number}}}")


@pytest.mark.parametrize("wrap", [lambda model: model, lambda model: Team({"a": model})])
async def test_every_call_names_its_search_and_its_candidate(wrap: Any) -> None:
    graph = create_best_of_n(wrap(Generator.from_chat_model(_model())), ToyVerifier(), n=3).compile(name="best_of_n")
    sync, later = Tracer(), Tracer()
    graph.invoke(QUESTION, {"callbacks": [sync]}, context=SETTINGS)
    await graph.ainvoke(QUESTION, {"callbacks": [later]}, context=SETTINGS)
    for tracer in (sync, later):
        assert {call["name"] for call in tracer.calls} == {"its.generate"}
        assert sorted(call["metadata"]["its_candidate"] for call in tracer.calls) == ["0", "1", "2"]
        assert {call["metadata"]["its_strategy"] for call in tracer.calls} == {"best_of_n"}
        assert all({"its", "its:candidate", "nostream"} <= set(call["tags"]) for call in tracer.calls)
        assert all(call["metadata"]["langgraph_node"] == "generate" for call in tracer.calls)


def test_calls_are_children_of_their_node() -> None:
    graph = create_self_consistency(Generator.from_chat_model(_model()), n=2).compile(name="vote")
    tracer = Tracer()
    graph.invoke(QUESTION, {"callbacks": [tracer], "metadata": {"mine": 1}, "tags": ["mine"]}, context=SETTINGS)
    assert len({call["parent_run_id"] for call in tracer.calls}) == 1
    assert all(call["parent_run_id"] is not None for call in tracer.calls)
    assert all(call["metadata"]["mine"] == 1 and "mine" in call["tags"] for call in tracer.calls)


def test_without_listeners_calls_are_not_named() -> None:
    assert call_configs(None, "generate", "single", ["0"]) is None
    assert call_configs({"callbacks": []}, "generate", "single", ["0"]) is None
