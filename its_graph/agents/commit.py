"""commit: execute the winner's deferred calls, each once."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from langchain_core.messages import AnyMessage, ToolMessage
from langchain_core.runnables import Runnable, RunnableConfig, RunnableLambda
from langchain_core.tools import BaseTool
from langgraph.errors import GraphBubbleUp
from langgraph.prebuilt import ToolNode

from its_graph.agents.attempts import AgentSearchState
from its_graph.agents.side_effects import DeferredCall, call_position, tool_message_for
from its_graph.agents.undo import deferred_calls_of
from its_graph.errors import CommitFailedError

__all__ = ["commit"]


def commit(tools: dict[str, BaseTool]) -> Runnable[AgentSearchState, dict[str, Any]]:
    """Return the node that executes the winner's next deferred call, one superstep per call so that none runs twice.

    The call runs like any agent's: the tool gets the runtime, the state and the store that it asks for. If a call
    fails, later calls are skipped, since the model made them believing that it had succeeded.
    """
    node = ToolNode(list(tools.values()))

    def call(state: AgentSearchState, config: RunnableConfig) -> dict[str, Any]:
        if (reply := _skipped(state)) is None:
            with _reporting_progress(state):
                reply = node.invoke(_input(state), config)
        return _committed(state, reply)

    async def acall(state: AgentSearchState, config: RunnableConfig) -> dict[str, Any]:
        if (reply := _skipped(state)) is None:
            with _reporting_progress(state):
                reply = await node.ainvoke(_input(state), config)
        return _committed(state, reply)

    return RunnableLambda(call, acall, name="commit")


def _next(state: AgentSearchState) -> DeferredCall:
    return deferred_calls_of(state)[len(state["committed"])]


def _turn(state: AgentSearchState) -> list[AnyMessage]:
    return [] if state["winner"] is None else state["attempts"][state["winner"]]["turn"]


def _input(state: AgentSearchState) -> dict[str, Any]:
    """Return the call with its state, in the form in which an agent sends it to its tools."""
    deferred = _next(state)
    tool_state = {**deferred["state"], "messages": [*state["messages"], *_turn(state)]}
    return {
        "__type": "tool_call_with_context",
        "tool_call": {**deferred["call"], "type": "tool_call"},
        "state": tool_state,
    }


def _committed(state: AgentSearchState, reply: Any) -> dict[str, Any]:
    call = _next(state)["call"]
    message = tool_message_for(reply, call) or ToolMessage("Done.", name=call["name"], tool_call_id=call["id"])
    return {"committed": [*state["committed"], message]}


def _skipped(state: AgentSearchState) -> ToolMessage | None:
    call, turn = _next(state)["call"], _turn(state)
    index, _ = call_position(turn, call["id"])
    failures = [
        message for message in state["committed"] if isinstance(message, ToolMessage) and message.status == "error"
    ]
    failed = next((message for message in failures if call_position(turn, message.tool_call_id)[0] < index), None)
    if failed is None:
        return None
    text = f"Not carried out, because {failed.name} failed before it."
    return ToolMessage(text, name=call["name"], tool_call_id=call["id"], status="error")


@contextmanager
def _reporting_progress(state: AgentSearchState) -> Iterator[None]:
    """Let the error of a failed call say which calls were executed before it and how to continue."""
    try:
        yield
    except GraphBubbleUp:
        raise
    except Exception as error:
        names = [deferred["call"]["name"] for deferred in deferred_calls_of(state)]
        failed = len(state["committed"])
        raise CommitFailedError(
            f"The winner's call of {names[failed]!r} failed: {type(error).__name__}: {error}. "
            f"Executed before it: {', '.join(names[:failed]) or 'nothing'}; not executed yet: "
            f"{', '.join(names[failed + 1 :]) or 'nothing else'}. With a checkpointer, invoke the thread with None to "
            "retry it and continue.",
            committed=names[:failed],
        ) from error
