"""Best-of-N over whole agents: several attempts at a task, tools and all, and the best one counts.

1. Attempt: run the agent n times, side by side; calls that would change the world for good are put off (`effects`).
2. Compare: summarise each attempt, and choose by a verifier, a judge or a vote. 3. With several waves: attempt again
with the best summary in view (parallel-distill-refine, 2510.01123). 4. Undo what the losers did, 5. commit: carry out
the winner's put-off calls, one superstep each.
Cost: n x waves runs of the agent.
When: an agent is right now and then, and its tools can be marked.
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
    Summarise,
    attempt,
    transcript,
)
from its_graph.agents.commit import commit
from its_graph.agents.selection import Chooser, Picked, by_vote
from its_graph.agents.side_effects import current_attempt
from its_graph.agents.undo import left, settle, undo, winner_turn
from its_graph.errors import ConfigurationError

__all__ = ["create_agent_best_of_n"]


def create_agent_best_of_n(
    agent: Runnable[Any, Any],
    tools: Sequence[BaseTool] = (),
    *,
    n: int = 4,
    choose: Chooser | None = None,
    summarise: Summarise = transcript,
    waves: int = 1,
) -> StateGraph[AgentSearchState, Any, AgentSearchInput, AgentSearchOutput]:
    """Run a whole agent several times and keep the best attempt; only its `commit` tools are carried out, once.

    A commit that a crash interrupts is made again when the search is resumed: give such tools a key of their own. A
    call of a reversible tool is undone unless its attempt wins; one that was made in a wave that a crash or a cancel
    cuts off is not. Attempts cannot ask a person (several would, and lose): compile the search with
    `interrupt_before=["commit"]`, or let the tool to commit call `interrupt`. With LangChain's cache of replies on,
    give the agent a model with `cache=False`: attempts with the same replies teach nothing.

    Args:
        agent: a compiled agent (`create_agent(..., middleware=[ToolEffects()])`), or any graph over `messages`.
        tools: the agent's tools, marked (`its_graph.agents.effects.mark`); those that it puts off or undoes are needed.
        n: attempts of a wave.
        choose: `by_score(verifier)`, `by_tournament(judge)` or `by_vote()` (default, over the final answers).
        summarise: what of an attempt is compared and shown to the next wave.
        waves: rounds of attempts; each but the first is shown the best summary before it.

    Raises:
        ConfigurationError: n or waves below 1.
    """
    if n < 1 or waves < 1:
        raise ConfigurationError(f"At least one attempt and one wave are needed, given n={n}, waves={waves}.")
    known = {tool.name: tool for tool in tools}
    graph = StateGraph(AgentSearchState, input_schema=AgentSearchInput, output_schema=AgentSearchOutput)
    graph.add_node("begin", _begin)
    graph.add_node("attempt", attempt(agent, n, summarise))
    graph.add_node("compare", _compare(choose or by_vote()))
    graph.add_node("settle", lambda state: settle(state, known))
    graph.add_node("undo", undo(known))
    graph.add_node("commit", commit(known))
    graph.add_node("answer", winner_turn)
    graph.add_edge(START, "begin")
    graph.add_edge("begin", "attempt")
    graph.add_edge("attempt", "compare")
    graph.add_conditional_edges("compare", lambda state: _more(state, waves), {"more": "attempt", "enough": "settle"})
    for node in ("settle", "undo", "commit"):
        graph.add_conditional_edges(node, left, ["undo", "commit", "answer"])
    graph.add_edge("answer", END)
    return graph


def _begin(state: AgentSearchState) -> dict[str, Any]:
    """Forget what an earlier search on this thread left, however it ended.

    Raises:
        ConfigurationError: this search is part of an attempt: if that lost, nobody would undo what this winner did.
    """
    if current_attempt() is not None:
        raise ConfigurationError(
            "A search over whole agents runs inside an attempt of another. Give the inner agent itself to the outer "
            "search, with a larger n or more waves."
        )
    return {"attempts": [], "picked": None, "scores": [], "wave": 0}


def _more(state: AgentSearchState, waves: int) -> Literal["more", "enough"]:
    wrong = any(one["fatal"] for one in state["attempts"])
    return "more" if state["wave"] < waves and not wrong else "enough"


def _compare(choose: Chooser) -> Runnable[AgentSearchState, dict[str, Any]]:
    def options(state: AgentSearchState) -> tuple[list[int], ActionSet]:
        alive = [place for place, one in enumerate(state["attempts"]) if one["error"] is None and one["turn"]]
        attempts = [state["attempts"][place] for place in alive]
        said = tuple(convert_to_openai_messages(state["messages"]))
        moves = tuple(Action((), one["turn"][-1].text) for one in attempts)
        return alive, ActionSet(said, tuple(one["summary"] or "(silent)" for one in attempts), moves)

    def update(state: AgentSearchState, alive: list[int], picked: Picked) -> dict[str, Any]:
        scores: list[float | None] = [None] * len(state["attempts"])
        for place, score in zip(alive, picked.scores, strict=False):
            scores[place] = score
        return {"picked": alive[picked.place] if alive else None, "scores": scores}

    def call(state: AgentSearchState) -> dict[str, Any]:
        alive, there = options(state)
        return update(state, alive, choose.invoke(there) if len(alive) > 1 else Picked(0))

    async def acall(state: AgentSearchState) -> dict[str, Any]:
        alive, there = options(state)
        return update(state, alive, await choose.ainvoke(there) if len(alive) > 1 else Picked(0))

    return RunnableLambda(call, acall, name="compare")
