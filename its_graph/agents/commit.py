"""commit: carry out the calls that the winner put off, each once."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from langchain_core.messages import AnyMessage, ToolMessage
from langchain_core.runnables import Runnable, RunnableConfig, RunnableLambda
from langchain_core.tools import BaseTool
from langgraph.errors import GraphBubbleUp
from langgraph.prebuilt import ToolNode

from its_graph.agents.attempts import AgentSearchState
from its_graph.agents.side_effects import DeferredCall, asked_in, message_in
from its_graph.agents.undo import deferred_calls_of
from its_graph.errors import CommitFailedError

__all__ = ["commit"]


def commit(tools: dict[str, BaseTool]) -> Runnable[AgentSearchState, dict[str, Any]]:
    """Return the node that carries out the next call that the winner put off: a step of its own, so that none is twice.

    It runs as any agent's call does: the tool is handed the runtime, the state and the store that it asks for. What the
    model called after it was told of a success is left out where the tool said that it failed.
    """
    node = ToolNode(list(tools.values()))

    def call(state: AgentSearchState, config: RunnableConfig) -> dict[str, Any]:
        if (told := _left_out(state)) is None:
            with _named(state):
                told = node.invoke(_input(state), config)
        return _with(state, told)

    async def acall(state: AgentSearchState, config: RunnableConfig) -> dict[str, Any]:
        if (told := _left_out(state)) is None:
            with _named(state):
                told = await node.ainvoke(_input(state), config)
        return _with(state, told)

    return RunnableLambda(call, acall, name="commit")


def _next(state: AgentSearchState) -> DeferredCall:
    return deferred_calls_of(state)[len(state["committed"])]


def _turn(state: AgentSearchState) -> list[AnyMessage]:
    return [] if state["picked"] is None else state["attempts"][state["picked"]]["turn"]


def _input(state: AgentSearchState) -> dict[str, Any]:
    """Return the call with the state around it, in the form in which an agent sends it to its tools."""
    put_off = _next(state)
    around = {**put_off["state"], "messages": [*state["messages"], *_turn(state)]}
    return {"__type": "tool_call_with_context", "tool_call": {**put_off["call"], "type": "tool_call"}, "state": around}


def _with(state: AgentSearchState, told: Any) -> dict[str, Any]:
    call = _next(state)["call"]
    message = message_in(told, call) or ToolMessage("Done.", name=call["name"], tool_call_id=call["id"])
    return {"committed": [*state["committed"], message]}


def _left_out(state: AgentSearchState) -> ToolMessage | None:
    call, turn = _next(state)["call"], _turn(state)
    here, _ = asked_in(turn, call["id"])
    failures = [one for one in state["committed"] if isinstance(one, ToolMessage) and one.status == "error"]
    failed = next((one for one in failures if asked_in(turn, one.tool_call_id)[0] < here), None)
    if failed is None:
        return None
    said = f"Not carried out, because {failed.name} failed before it."
    return ToolMessage(said, name=call["name"], tool_call_id=call["id"], status="error")


@contextmanager
def _named(state: AgentSearchState) -> Iterator[None]:
    """Say of a call that fails what was carried out before it, and how to go on."""
    try:
        yield
    except GraphBubbleUp:
        raise
    except Exception as error:
        names, at = [put_off["call"]["name"] for put_off in deferred_calls_of(state)], len(state["committed"])
        raise CommitFailedError(
            f"{names[at]!r} failed when it was carried out for the winner: {type(error).__name__}: {error}. "
            f"Carried out before it: {', '.join(names[:at]) or 'nothing'}; not yet: "
            f"{', '.join(names[at + 1 :]) or 'nothing else'}. With a checkpointer, invoke the thread with None to try "
            "it again and go on.",
            committed=names[:at],
        ) from error
