"""Of an agent's state a tool that waits is kept what it can ask for."""

from threading import Lock
from typing import Annotated, Any

import pytest

pytest.importorskip("langchain")

from langchain.tools import InjectedState, ToolRuntime
from langchain_core.tools import BaseTool, tool

from its_graph.agents.tool_state import state_for

STATE = {"messages": ["hi"], "city": "Bonn", "table": [1, 2], "lock": Lock()}


@tool
def plain(text: str) -> str:
    """Send."""
    return text


@tool
def placed(text: str, city: Annotated[str, InjectedState("city")]) -> str:
    """Send."""
    return text


@tool
def whole(text: str, state: Annotated[Any, InjectedState]) -> str:
    """Send."""
    return text


@tool
def running(text: str, runtime: ToolRuntime[Any, Any]) -> str:
    """Send."""
    return text


@tool
async def waiting(text: str, city: Annotated[str, InjectedState("city")]) -> str:
    """Send."""
    return text


ALL = {"city": "Bonn", "table": [1, 2]}


@pytest.mark.parametrize(
    ("asking", "kept"),
    [(plain, {}), (placed, {"city": "Bonn"}), (waiting, {"city": "Bonn"}), (whole, ALL), (running, ALL)],
)
def test_a_tool_is_kept_what_it_can_ask_for(asking: BaseTool, kept: dict[str, Any]) -> None:
    assert state_for(asking, STATE) == kept


def test_a_state_that_is_no_mapping_is_not_kept() -> None:
    assert state_for(running, ["hi"]) == {}
