"""Undo the losers' side effects and return the winner's turn."""

import inspect
from typing import Any, Literal

from langchain_core.messages import AIMessage, AnyMessage, RemoveMessage, ToolMessage
from langchain_core.runnables import Runnable, RunnableLambda
from langchain_core.runnables.config import run_in_executor
from langchain_core.tools import BaseTool
from langgraph.graph.message import REMOVE_ALL_MESSAGES

from its_graph.agents.attempts import AgentSearchState, AttemptRecord
from its_graph.agents.side_effects import DeferredCall, DoneCall
from its_graph.agents.tool_effects import undo_of
from its_graph.errors import ConfigurationError, SearchFailedError

__all__ = ["check_tools", "deferred_calls_of", "next_step", "undo", "winner_turn"]


def check_tools(state: AgentSearchState, tools: dict[str, BaseTool]) -> dict[str, Any]:
    """Check that every call to be undone or committed has its tool, before the first one runs."""
    for recorded in [*_to_undo(state), *deferred_calls_of(state)]:
        if (name := recorded["call"]["name"]) not in tools:
            raise ConfigurationError(
                f"An attempt calls {name!r}, which is not among the given tools ({', '.join(tools) or 'none'}). Pass "
                "the agent's tools to create_agent_best_of_n as well."
            )
    return {"undone": 0, "committed": []}


def undo(tools: dict[str, BaseTool]) -> Runnable[AgentSearchState, dict[str, Any]]:
    """Return the node that undoes the losers' next call, one superstep per call so that none is undone twice."""

    def call(state: AgentSearchState) -> dict[str, Any]:
        done = _to_undo(state)[state["undone"]]
        undoing = undo_of(tools[done["call"]["name"]])(done["call"]["args"], done["returned"])
        if inspect.iscoroutine(undoing):
            undoing.close()
            raise ConfigurationError(
                f"The undo of {done['call']['name']!r} is async. Call the search with ainvoke or astream."
            )
        return {"undone": state["undone"] + 1}

    async def acall(state: AgentSearchState) -> dict[str, Any]:
        done = _to_undo(state)[state["undone"]]
        function = undo_of(tools[done["call"]["name"]])
        undoing = await run_in_executor(None, function, done["call"]["args"], done["returned"])
        if inspect.isawaitable(undoing):
            await undoing
        return {"undone": state["undone"] + 1}

    return RunnableLambda(call, acall, name="undo")


def next_step(state: AgentSearchState) -> Literal["undo", "commit", "answer"]:
    """Return the next node: the losers' calls are undone before the winner's are committed."""
    if state["undone"] < len(_to_undo(state)):
        return "undo"
    return "commit" if len(state["committed"]) < len(deferred_calls_of(state)) else "answer"


def winner_turn(state: AgentSearchState) -> dict[str, Any]:
    """Return the winner's turn, with the real results of its commits in place of the placeholders.

    Raises:
        SearchFailedError: every attempt failed.
        ConfigurationError: the attempts failed for a reason of configuration.
    """
    winner = _winner(state)
    if winner is None:
        raise _failure(state["attempts"])
    turn = _with_results(winner["turn"], state["committed"])
    update: dict[str, Any] = {"messages": turn, "result": _result(state, turn), "attempts": []}
    if winner["rewritten"] is not None:
        conversation = _with_results(winner["rewritten"], state["committed"])
        update["messages"] = [RemoveMessage(REMOVE_ALL_MESSAGES), *conversation]
    if winner["structured_response"] is not None or state.get("structured_response") is not None:
        update["structured_response"] = winner["structured_response"]
    return update


def _result(state: AgentSearchState, turn: list[AnyMessage]) -> dict[str, Any]:
    return {
        "answer": next(
            (message.text for message in reversed(turn) if isinstance(message, AIMessage) and message.text), None
        ),
        "winner": state["winner"],
        "candidates": [
            {"summary": attempt["summary"], "score": score, "error": attempt["error"]}
            for attempt, score in zip(state["attempts"], state["scores"], strict=True)
        ],
        "committed": [
            message.name
            for message in state["committed"]
            if isinstance(message, ToolMessage) and message.status != "error"
        ],
        "waves": state["wave"],
    }


def deferred_calls_of(state: AgentSearchState) -> list[DeferredCall]:
    """Return the winner's deferred calls."""
    winner = _winner(state)
    return [] if winner is None else winner["deferred"]


def _winner(state: AgentSearchState) -> AttemptRecord | None:
    return None if state["winner"] is None else state["attempts"][state["winner"]]


def _to_undo(state: AgentSearchState) -> list[DoneCall]:
    """Return the losers' calls, latest first."""
    losers = [attempt for index, attempt in enumerate(state["attempts"]) if index != state["winner"]]
    return [done for attempt in reversed(losers) for done in reversed(attempt["done"])]


def _with_results(messages: list[AnyMessage], committed: list[AnyMessage]) -> list[AnyMessage]:
    """Replace the placeholders of deferred calls by the results of their commits."""
    results = {message.tool_call_id: message for message in committed if isinstance(message, ToolMessage)}
    return [
        results.get(message.tool_call_id, message) if isinstance(message, ToolMessage) else message
        for message in messages
    ]


def _failure(attempts: list[AttemptRecord]) -> ConfigurationError | SearchFailedError:
    fatal = next((attempt["error"] for attempt in attempts if attempt["fatal"]), None)
    if fatal is not None:
        return ConfigurationError(fatal.partition(": ")[2])  # a recorded error starts with its type
    return SearchFailedError(f"Every attempt failed. First error: {attempts[0]['error'] or 'it added no message.'}")
