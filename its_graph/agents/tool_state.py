"""The part of an agent's state that a deferred tool call reads, kept in a checkpoint until the call runs."""

from collections.abc import Mapping
from typing import Any, get_args, get_type_hints

from langchain_core.tools import BaseTool
from langchain_core.tools.base import get_all_basemodel_annotations
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph.prebuilt import InjectedState

__all__ = ["state_for"]

_RUNTIME = "runtime"
"""The parameter through which LangGraph passes a tool its runtime, the whole state included."""

_SERDE = JsonPlusSerializer()


def state_for(tool: BaseTool, state: Any) -> dict[str, Any]:
    """Return the fields of `state` that `tool` can read, without the messages and what no checkpoint can hold."""
    if not isinstance(state, Mapping):
        return {}
    wanted = _wanted(tool)
    fields = {name: state[name] for name in state if name != "messages" and (wanted is None or name in wanted)}
    return {name: value for name, value in fields.items() if _storable(value)}


def _wanted(tool: BaseTool) -> set[str] | None:
    """Return the names of the fields injected into a tool; None if it may read all of them."""
    function = getattr(tool, "func", None) or getattr(tool, "coroutine", None)
    hints = get_type_hints(function, include_extras=True) if function is not None else {}
    kinds = {**hints, **get_all_basemodel_annotations(tool.get_input_schema())}
    marks = [mark for kind in kinds.values() for mark in get_args(kind) if _injects(mark)]
    fields = {getattr(mark, "field", None) for mark in marks}
    return None if _RUNTIME in kinds or None in fields else {str(field) for field in fields}


def _injects(mark: Any) -> bool:
    return isinstance(mark, InjectedState) or mark is InjectedState


def _storable(value: Any) -> bool:
    try:
        _SERDE.dumps_typed(value)
    except TypeError:
        return False
    return True
