"""rewrite: new texts from earlier ones, as records and as requests."""

from typing import Any

import pytest
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END

from its_graph import Budget, Sample, SampleRequest, SearchContext
from its_graph.graphs.build import search_graph
from its_graph.nodes import prompts
from its_graph.nodes.generate import generate
from its_graph.nodes.rewrite import rewrite
from its_graph.search.tree import Tree
from its_graph.seeds import derive_seed
from its_graph.testing import ScriptedGenerator, ToyGenerator, ToyVerifier

SEEDED = SearchContext(seed=7)


def tree_of(node: Any, generator: Any, context: SearchContext = SEEDED) -> Tree:
    """Return the tree after two solutions and one run of `node`."""
    graph = search_graph("test")
    graph.add_node("generate", generate(generator, n=2))
    graph.add_node("rewrite", node)
    graph.add_edge("question", "generate")
    graph.add_edge("generate", "rewrite")
    graph.add_edge("rewrite", END)
    compiled = graph.compile(checkpointer=InMemorySaver())
    config: Any = {"configurable": {"thread_id": "1"}}
    compiled.invoke({"problem": "Add 3, 5."}, config, context=context)
    return Tree.of(compiled.get_state(config).values)


def test_a_new_text_is_a_whole_one_and_names_its_sources() -> None:
    toy = ToyGenerator(0.5)
    tree = tree_of(rewrite("join", toy, lambda tree: [["1", "0"], ["1"], []], prompts.aggregate), toy)
    assert [step.get("sources") for step in tree.steps.values()] == [None, None, ["1", "0"], ["1"], None]
    assert all(step["parent"] is None for step in tree.steps.values())
    assert tree.new_steps == ["2", "3", "4"]
    assert [charge["node"] for charge in tree.charges.values()] == ["generate", "join"]
    assert (tree.runs("join"), tree.runs("generate"), tree.runs("other")) == (1, 1, 0)


def test_the_prompt_shows_the_sources_in_their_order_and_none_is_the_plain_question() -> None:
    toy = ToyGenerator(0.5)
    tree = tree_of(rewrite("join", toy, lambda tree: [["1", "0"], []], prompts.aggregate), toy)
    joined, plain = toy.requests[2:]
    assert list(joined.messages) == prompts.aggregate(tree.question, [tree.text("1"), tree.text("0")])
    assert list(plain.messages) == tree.question == list(toy.requests[0].messages)
    assert [request.seed for request in (joined, plain)] == [derive_seed(7, "2"), derive_seed(7, "3")]
    assert joined.prefix == ""
    assert joined.stop == ()


@pytest.mark.parametrize(("cap", "asked"), [(None, 64), (5, 5), (1000, 64)])
def test_a_text_may_have_its_own_limit_but_never_a_higher_one(cap: int | None, asked: int) -> None:
    toy = ToyGenerator()
    tree_of(rewrite("join", toy, lambda tree: [["0"]], prompts.revise, max_tokens=cap), toy)
    assert toy.requests[-1].max_tokens == asked


def test_auxiliary_text_is_no_solution_and_leaves_the_new_steps_unchanged() -> None:
    toy = ToyGenerator()
    tree = tree_of(rewrite("notes", toy, lambda tree: [["0", "1"]], prompts.summarize, auxiliary="summary"), toy)
    assert tree.steps["2"]["auxiliary"] == "summary"
    assert [finalist.id for finalist in tree.finalists] == tree.new_steps == ["0", "1"]


def test_nothing_to_write_is_no_call() -> None:
    toy = ToyGenerator()
    tree = tree_of(rewrite("join", toy, lambda tree: [], prompts.revise), toy)
    assert len(toy.requests) == 2
    assert tree.new_steps == []
    assert tree.runs("join") == 1


def test_the_price_of_the_verdict_is_reserved_with_the_text() -> None:
    """Three calls are left for two solutions that need a verdict each: one is written, and can be verified."""
    toy = ToyGenerator()
    node = rewrite("join", toy, lambda tree: [["0"], ["1"]], prompts.revise, verifier=ToyVerifier())
    tree = tree_of(node, toy, SearchContext(seed=7, budget=Budget(calls=5)))
    assert tree.new_steps == ["2"]
    assert tree.stop_reason == "budget"


def test_a_failure_loses_only_itself() -> None:
    def script(request: SampleRequest) -> str | Sample:
        if len(generator.requests) == 3:
            raise ValueError("bad reply")
        return r"\boxed{8}"

    generator = ScriptedGenerator(script)
    tree = tree_of(rewrite("join", generator, lambda tree: [["0"], ["1"]], prompts.revise), generator)
    assert list(tree.failures) == ["2"]
    assert tree.new_steps == ["3"]
