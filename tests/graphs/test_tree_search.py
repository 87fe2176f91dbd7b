"""Tree searches in the toy world: algorithms.md section 3.1."""

from typing import Any

import pytest
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.memory import InMemorySaver

from its_graph import SearchContext, create
from its_graph.testing import ScriptedGenerator, ScriptedVerifier, ToyGenerator, ToyVerifier
from its_graph.tree import Tree

TREES = ["mcts", "rest_mcts"]


def run(name: str, generator: Any, verifier: Any, seed: int = 0, **options: Any) -> tuple[dict[str, Any], Tree]:
    graph = create(name, generator, verifier, **options).compile(checkpointer=InMemorySaver())
    config: RunnableConfig = {"configurable": {"thread_id": "1"}, "recursion_limit": 2000}
    result = graph.invoke({"problem": "Add 3, 5, 4, 7, 2."}, config, context=SearchContext(seed=seed))["result"]
    return result, Tree.of(graph.get_state(config).values)


@pytest.mark.parametrize("name", TREES)
@pytest.mark.parametrize("seed", range(5))
def test_it_finds_the_answer_where_a_single_sample_mostly_fails(name: str, seed: int) -> None:
    result, _ = run(name, ToyGenerator(0.3), ToyVerifier(), seed)
    assert result["answer"] == "21"


@pytest.mark.parametrize("name", TREES)
def test_the_seed_documents_world_gives_the_good_answer(name: str) -> None:
    """algorithms.md 3.1: step 1 good or bad, step 2 boxed; score .9 if good, else .2."""

    def world(request: Any) -> str:
        if request.prefix:
            return r"\boxed{1}" if "good" in request.prefix else r"\boxed{0}"
        return "good\n\n" if request.seed % 3 == 0 else "bad\n\n"

    verifier = ScriptedVerifier(lambda one: 0.9 if "good" in "".join(one.steps) else 0.2)
    result, tree = run(name, ScriptedGenerator(world), verifier, seed=1)
    assert result["answer"] == "1"
    assert all(not tree.finished(step["parent"]) for step in tree.steps.values() if step["parent"] is not None)


def test_a_generator_that_never_ends_stays_within_the_depth() -> None:
    """algorithms.md 3.1: max_depth 3 -> tree depth <= 3."""
    generator = ScriptedGenerator(lambda request: f"hm {request.seed}\n\n")
    _, tree = run("mcts", generator, ScriptedVerifier(lambda one: 0.5), max_steps=3)
    assert max(tree.depth(step) for step, record in tree.steps.items() if record["finish"] == "stop_string") <= 3
