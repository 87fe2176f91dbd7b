"""The whole tree of every strategy in the toy world, stored in a file: a change of any draw, id, score, cut or price
shows as a difference of lines. `make snapshots` rewrites the files; read the difference before you commit it.
"""

from collections.abc import Callable
from typing import Any

import pytest
from langgraph.checkpoint.memory import InMemorySaver
from syrupy.assertion import SnapshotAssertion
from syrupy.extensions.json import JSONSnapshotExtension

from its_graph import SearchContext
from its_graph.catalog.registry import STRATEGIES
from its_graph.search.tree import Tree
from its_graph.testing import ToyGenerator, ToyVerifier

CONFIG: Any = {"configurable": {"thread_id": "1"}}


@pytest.mark.parametrize("name", STRATEGIES)
def test_the_tree_is_as_it_was(
    name: str,
    build: Callable[..., Any],
    timeless: Callable[[dict[str, Any]], dict[str, Any]],
    snapshot: SnapshotAssertion,
) -> None:
    models = ToyGenerator(0.3, parameters=10), ToyVerifier(parameters=5)
    graph = build(name, *models, n=8, iterations=12).compile(checkpointer=InMemorySaver())
    result = graph.invoke({"problem": "Add 3, 5, 4, 7, 2."}, CONFIG, context=SearchContext(seed=7))["result"]
    tree = Tree.of(graph.get_state(CONFIG).values)
    assert snapshot(extension_class=JSONSnapshotExtension) == {
        "answer": result["answer"],
        "stop_reason": result["stop_reason"],
        "spend": timeless(result)["spend"],
        "tree": [_line(tree, step) for step in tree.steps],
        "judgments": [f"{' '.join(one['candidates'])}: {one['scores']}" for one in tree.judgments.values()],
    }


def _line(tree: Tree, step: str) -> str:
    record = tree.steps[step]
    extra = {key: value for key, value in record.items() if key in ("auxiliary", "sources", "model")}
    said = f"{step} < {record['parent']} [{tree.score(step)}] {record['finish']}: {record['text'].strip()!r}"
    return f"{said} {extra}" if extra else said
