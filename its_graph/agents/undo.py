"""settle, undo, answer: take back what the losers did, and hand the winner's turn over."""

import inspect
from typing import Any, Literal

from langchain_core.messages import AIMessage, AnyMessage, RemoveMessage, ToolMessage
from langchain_core.runnables import Runnable, RunnableLambda
from langchain_core.runnables.config import run_in_executor
from langchain_core.tools import BaseTool
from langgraph.graph.message import REMOVE_ALL_MESSAGES

from its_graph.agents.attempts import AgentSearchState, AttemptRecord
from its_graph.agents.effects import undo_of
from its_graph.agents.side_effects import DeferredCall, DoneCall
from its_graph.errors import ConfigurationError, SearchFailedError

__all__ = ["deferred_calls_of", "left", "settle", "undo", "winner_turn"]


def settle(state: AgentSearchState, tools: dict[str, BaseTool]) -> dict[str, Any]:
    """Make sure that everything that is to be undone and committed can be, before the first of it."""
    for deed in [*_to_undo(state), *deferred_calls_of(state)]:
        if (name := deed["call"]["name"]) not in tools:
            raise ConfigurationError(
                f"An attempt calls {name!r}, which is not among the tools given ({', '.join(tools) or 'none'}). Give "
                "the agent's tools to create_agent_best_of_n as well."
            )
    return {"undone": 0, "committed": []}


def undo(tools: dict[str, BaseTool]) -> Runnable[AgentSearchState, dict[str, Any]]:
    """Return the node that takes back the next call of the losers: a step of its own, so that none is undone twice."""

    def call(state: AgentSearchState) -> dict[str, Any]:
        made = _to_undo(state)[state["undone"]]
        said = undo_of(tools[made["call"]["name"]])(made["call"]["args"], made["returned"])
        if inspect.iscoroutine(said):
            said.close()
            raise ConfigurationError(
                f"{made['call']['name']!r} is undone by an async function: use ainvoke or astream."
            )
        return {"undone": state["undone"] + 1}

    async def acall(state: AgentSearchState) -> dict[str, Any]:
        made = _to_undo(state)[state["undone"]]
        said = await run_in_executor(None, undo_of(tools[made["call"]["name"]]), made["call"]["args"], made["returned"])
        if inspect.isawaitable(said):
            await said
        return {"undone": state["undone"] + 1}

    return RunnableLambda(call, acall, name="undo")


def left(state: AgentSearchState) -> Literal["undo", "commit", "answer"]:
    """Say what is to be done next: the losers' calls are undone before the winner's are carried out."""
    if state["undone"] < len(_to_undo(state)):
        return "undo"
    return "commit" if len(state["committed"]) < len(deferred_calls_of(state)) else "answer"


def winner_turn(state: AgentSearchState) -> dict[str, Any]:
    """Hand over the winner's turn, with what its commits really returned in place of what was noted.

    Raises:
        SearchFailedError: every attempt failed.
        ConfigurationError: for a reason that lies in the set-up.
    """
    winner = _winner(state)
    if winner is None:
        raise _failure(state["attempts"])
    turn = _as_it_came_out(winner["turn"], state["committed"])
    update: dict[str, Any] = {"messages": turn, "result": _result(state, turn), "attempts": []}
    if winner["rewritten"] is not None:
        whole = _as_it_came_out(winner["rewritten"], state["committed"])
        update["messages"] = [RemoveMessage(REMOVE_ALL_MESSAGES), *whole]
    if winner["structured_response"] is not None or state.get("structured_response") is not None:
        update["structured_response"] = winner["structured_response"]
    return update


def _result(state: AgentSearchState, turn: list[AnyMessage]) -> dict[str, Any]:
    return {
        "answer": next((one.text for one in reversed(turn) if isinstance(one, AIMessage) and one.text), None),
        "winner": state["picked"],
        "candidates": [
            {"summary": one["summary"], "score": score, "error": one["error"]}
            for one, score in zip(state["attempts"], state["scores"], strict=True)
        ],
        "committed": [one.name for one in state["committed"] if isinstance(one, ToolMessage) and one.status != "error"],
        "waves": state["wave"],
    }


def deferred_calls_of(state: AgentSearchState) -> list[DeferredCall]:
    """Return the calls that the winner put off."""
    winner = _winner(state)
    return [] if winner is None else winner["put_off"]


def _winner(state: AgentSearchState) -> AttemptRecord | None:
    return None if state["picked"] is None else state["attempts"][state["picked"]]


def _to_undo(state: AgentSearchState) -> list[DoneCall]:
    """Return the calls of the losers, the last first."""
    losers = [one for place, one in enumerate(state["attempts"]) if place != state["picked"]]
    return [made for one in reversed(losers) for made in reversed(one["made"])]


def _as_it_came_out(messages: list[AnyMessage], committed: list[AnyMessage]) -> list[AnyMessage]:
    """Put what the commits returned in place of what was noted."""
    real = {message.tool_call_id: message for message in committed if isinstance(message, ToolMessage)}
    return [real.get(one.tool_call_id, one) if isinstance(one, ToolMessage) else one for one in messages]


def _failure(attempts: list[AttemptRecord]) -> ConfigurationError | SearchFailedError:
    wrong = next((one["error"] for one in attempts if one["fatal"]), None)
    if wrong is not None:
        return ConfigurationError(wrong.partition(": ")[2])  # a record begins with the name of its error
    return SearchFailedError(f"Every attempt failed. The first: {attempts[0]['error'] or 'it said and did nothing.'}")
