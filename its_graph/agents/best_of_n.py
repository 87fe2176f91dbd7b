"""Best-of-N over whole agents: several attempts at a task, tools included, and the best one wins.

1. Attempt: run the agent n times concurrently; calls with permanent side effects are deferred (`effects`).
2. Compare: summarize each attempt, and choose by a verifier, a judge or a vote. 3. With several waves: attempt again
with the best summary in the prompt (parallel-distill-refine, 2510.01123). 4. Undo the losers' side effects. 5. Commit:
execute the winner's deferred calls, one superstep each.
Cost: n x waves runs of the agent.
When: an agent succeeds only sometimes, and its tools can be marked.
"""

from collections.abc import Sequence
from typing import Any, Literal

from langchain_core.messages.utils import convert_to_openai_messages
from langchain_core.runnables import Runnable, RunnableLambda
from langchain_core.tools import BaseTool
from langgraph.graph import END, START, StateGraph

from its_graph.agents.actions import Action, ActionSet
from its_graph.agents.attempts import (
    AgentSearchInput,
    AgentSearchOutput,
    AgentSearchState,
    Summarizer,
    attempt,
    transcript,
)
from its_graph.agents.commit import commit
from its_graph.agents.selection import Selection, SelectionRule, by_vote
from its_graph.agents.side_effects import current_attempt
from its_graph.agents.undo import check_tools, next_step, undo, winner_turn
from its_graph.errors import ConfigurationError

__all__ = ["create_agent_best_of_n"]


def create_agent_best_of_n(
    agent: Runnable[Any, Any],
    tools: Sequence[BaseTool] = (),
    *,
    n: int = 4,
    choose: SelectionRule | None = None,
    summarize: Summarizer = transcript,
    waves: int = 1,
) -> StateGraph[AgentSearchState, Any, AgentSearchInput, AgentSearchOutput]:
    """Run a whole agent several times and keep the best attempt; only its `commit` calls are executed, once.

    A commit interrupted by a crash runs again when the search is resumed: make such tools idempotent. A call of a
    reversible tool is undone unless its attempt wins; a call made in a wave that was cut off by a crash or a
    cancellation is not undone. Attempts cannot ask a person: compile the search with `interrupt_before=["commit"]`, or
    call `interrupt` in the commit tool. If LangChain's LLM cache is on, give the agent a model with `cache=False`:
    attempts with equal replies add nothing.

    Args:
        agent: a compiled agent (`create_agent(..., middleware=[ToolEffects()])`), or any graph over `messages`.
        tools: the agent's tools, marked by `mark`; required for the tools that it defers or undoes.
        n: attempts per wave, at least 1.
        choose: `by_score(verifier)`, `by_tournament(judge)` or `by_vote()` (default, over the final answers).
        summarize: turns the messages of an attempt into the text that is compared and shown to the next wave.
        waves: rounds of attempts, at least 1; each wave but the first sees the best summary so far.

    Raises:
        ConfigurationError: n or waves is below 1.

    >>> from langchain.agents import create_agent
    >>> from langchain_core.messages import HumanMessage
    >>> from its_graph.agents import ToolEffects
    >>> from its_graph.agents.testing import ScriptedChatModel
    >>> model = ScriptedChatModel(script=lambda messages, number: "The answer is 4" if number else "The answer is 3")
    >>> agent = create_agent(model, [], middleware=[ToolEffects()])
    >>> search = create_agent_best_of_n(agent, n=3).compile()
    >>> search.invoke({"messages": [HumanMessage("2 + 2?")]})["result"]["answer"]
    'The answer is 4'
    """
    if n < 1 or waves < 1:
        raise ConfigurationError(f"n and waves must be >= 1; got n={n}, waves={waves}.")
    tools_by_name = {tool.name: tool for tool in tools}
    graph = StateGraph(AgentSearchState, input_schema=AgentSearchInput, output_schema=AgentSearchOutput)
    graph.add_node("begin", _begin)
    graph.add_node("attempt", attempt(agent, n, summarize))
    graph.add_node("compare", _compare(choose or by_vote()))
    graph.add_node("check_tools", lambda state: check_tools(state, tools_by_name))
    graph.add_node("undo", undo(tools_by_name))
    graph.add_node("commit", commit(tools_by_name))
    graph.add_node("answer", winner_turn)
    graph.add_edge(START, "begin")
    graph.add_edge("begin", "attempt")
    graph.add_edge("attempt", "compare")
    graph.add_conditional_edges(
        "compare", lambda state: _more(state, waves), {"more": "attempt", "enough": "check_tools"}
    )
    for node in ("check_tools", "undo", "commit"):
        graph.add_conditional_edges(node, next_step, ["undo", "commit", "answer"])
    graph.add_edge("answer", END)
    return graph


def _begin(state: AgentSearchState) -> dict[str, Any]:
    """Reset what an earlier search left on this thread, however it ended.

    Raises:
        ConfigurationError: this search runs inside an attempt; if that attempt lost, nothing would undo this winner.
    """
    if current_attempt() is not None:
        raise ConfigurationError(
            "A search over whole agents cannot run inside an attempt of another one. Pass the inner agent itself to "
            "the outer search, with a larger n or more waves."
        )
    return {"attempts": [], "winner": None, "scores": [], "wave": 0}


def _more(state: AgentSearchState, waves: int) -> Literal["more", "enough"]:
    fatal = any(attempt["fatal"] for attempt in state["attempts"])
    return "more" if state["wave"] < waves and not fatal else "enough"


def _compare(choose: SelectionRule) -> Runnable[AgentSearchState, dict[str, Any]]:
    def options(state: AgentSearchState) -> tuple[list[int], ActionSet]:
        usable = [
            index for index, attempt in enumerate(state["attempts"]) if attempt["error"] is None and attempt["turn"]
        ]
        attempts = [state["attempts"][index] for index in usable]
        conversation = tuple(convert_to_openai_messages(state["messages"]))
        actions = tuple(Action((), attempt["turn"][-1].text) for attempt in attempts)
        texts = tuple(attempt["summary"] or "(silent)" for attempt in attempts)
        return usable, ActionSet(conversation, texts, actions)

    def update(state: AgentSearchState, usable: list[int], selection: Selection) -> dict[str, Any]:
        scores: list[float | None] = [None] * len(state["attempts"])
        for index, score in zip(usable, selection.scores, strict=False):
            scores[index] = score
        return {"winner": usable[selection.winner] if usable else None, "scores": scores}

    def call(state: AgentSearchState) -> dict[str, Any]:
        usable, action_set = options(state)
        return update(state, usable, choose.invoke(action_set) if len(usable) > 1 else Selection(0))

    async def acall(state: AgentSearchState) -> dict[str, Any]:
        usable, action_set = options(state)
        return update(state, usable, await choose.ainvoke(action_set) if len(usable) > 1 else Selection(0))

    return RunnableLambda(call, acall, name="compare")
