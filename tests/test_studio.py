"""`langgraph.json` lists every strategy, and each loads."""

import json
from importlib import import_module
from pathlib import Path

import pytest

from its_graph.catalog.registry import STRATEGIES

CONFIG = json.loads((Path(__file__).parents[1] / "langgraph.json").read_text())


def test_every_strategy_is_listed() -> None:
    assert CONFIG["graphs"] == {name: f"its_graph.studio:{name}" for name in STRATEGIES}


@pytest.mark.parametrize("name", STRATEGIES)
async def test_a_strategy_loads(name: str) -> None:
    module, variable = CONFIG["graphs"][name].split(":")
    graph = (await vars(import_module(module))[variable]()).compile(name=name)
    assert graph.name == name
    assert "question" in graph.get_graph().nodes
