"""settle, commit, answer: undo what the losers did, do what the winner put off, hand its turn over."""

from typing import Any, Literal

from langchain_core.messages import AIMessage, ToolMessage
from langchain_core.runnables import Runnable, RunnableLambda
from langchain_core.tools import BaseTool

from its_graph.agents.attempts import AgentSearchState
from its_graph.agents.effects import undo_of
from its_graph.errors import ConfigurationError

__all__ = ["answer", "commit", "left", "settle"]


def settle(state: AgentSearchState, tools: dict[str, BaseTool]) -> dict[str, Any]:
    """Take back what the losers did, the last first."""
    winner = state["picked"]
    losers = [one for place, one in enumerate(state["attempts"]) if place != winner]
    for done in [done for one in reversed(losers) for done in reversed(one["to_undo"])]:
        undo_of(_known(tools, done["call"]["name"]))(done["call"]["args"], done["returned"])
    for call in state["attempts"][winner]["put_off"]:
        _known(tools, call["name"])  # before the first commit, not after it
    return {"committed": []}


def commit(tools: dict[str, BaseTool]) -> Runnable[AgentSearchState, dict[str, Any]]:
    """Return the node that carries out the next call that the winner put off."""

    def next_call(state: AgentSearchState) -> tuple[BaseTool, dict[str, Any]]:
        call = state["attempts"][state["picked"]]["put_off"][len(state["committed"])]
        return _known(tools, call["name"]), {**call, "type": "tool_call"}

    def call(state: AgentSearchState) -> dict[str, Any]:
        tool, asked = next_call(state)
        return {"committed": [*state["committed"], tool.invoke(asked)]}

    async def acall(state: AgentSearchState) -> dict[str, Any]:
        tool, asked = next_call(state)
        return {"committed": [*state["committed"], await tool.ainvoke(asked)]}

    return RunnableLambda(call, acall, name="commit")


def left(state: AgentSearchState) -> Literal["commit", "done"]:
    """Say whether the winner has calls that are not carried out yet."""
    return "commit" if len(state["committed"]) < len(state["attempts"][state["picked"]]["put_off"]) else "done"


def answer(state: AgentSearchState) -> dict[str, Any]:
    """Hand over the winner's turn, with what its commits really returned in place of what was noted."""
    attempts, winner = state["attempts"], state["picked"]
    real = {message.tool_call_id: message for message in state["committed"] if isinstance(message, ToolMessage)}
    said = [
        real.get(message.tool_call_id, message) if isinstance(message, ToolMessage) else message
        for message in attempts[winner]["messages"]
    ]
    result = {
        "answer": next((one.text for one in reversed(said) if isinstance(one, AIMessage)), None),
        "winner": winner,
        "candidates": [
            {"summary": one["summary"], "score": score, "error": one["error"]}
            for one, score in zip(attempts, state["scores"], strict=True)
        ],
        "committed": [message.name for message in real.values()],
        "waves": state["wave"],
    }
    return {"messages": said, "result": result, "attempts": [], "wave": 0}


def _known(tools: dict[str, BaseTool], name: str) -> BaseTool:
    if name not in tools:
        raise ConfigurationError(
            f"The winner calls {name!r}, which is not among the tools given ({', '.join(tools) or 'none'}). Give the "
            "agent's tools to create_agent_best_of_n as well."
        )
    return tools[name]
