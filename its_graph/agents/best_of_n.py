"""Best-of-N over whole agents: several attempts at a task, tools and all, and the best one counts.

1. Attempt: run the agent n times, side by side; calls that would change the world for good are put off (`effects`).
2. Compare: summarise each attempt, and choose by a verifier, a judge or a vote. 3. With several waves: attempt again
with the best summary in view (parallel-distill-refine, 2510.01123). 4. Settle: undo what the losers did. 5. Commit:
carry out the winner's put-off calls, one superstep each.
Cost: n x waves runs of the agent.
When: an agent is right now and then, and its tools can be marked.
"""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated, Any, Literal, TypeAlias

from langchain_core.callbacks import BaseCallbackManager
from langchain_core.messages import AIMessage, AnyMessage, BaseMessage, HumanMessage, ToolMessage, get_buffer_string
from langchain_core.messages.utils import convert_to_openai_messages
from langchain_core.runnables import Runnable, RunnableConfig, RunnableLambda
from langchain_core.runnables.config import ContextThreadPoolExecutor, var_child_runnable_config
from langchain_core.tools import BaseTool
from langgraph.graph import END, START, StateGraph
from langgraph.graph.message import add_messages
from langgraph.runtime import get_runtime
from typing_extensions import TypedDict

from its_graph.agents.choosing import Chooser, Picked, by_vote
from its_graph.agents.effects import Attempt, ToolGuard, attempting, undo_of
from its_graph.agents.moves import Move, Options
from its_graph.errors import ConfigurationError, InputError, SearchFailedError
from its_graph.generators.chat_model import HIDDEN

__all__ = ["AgentSearchState", "Summarise", "create_agent_best_of_n", "transcript"]

Summarise: TypeAlias = Callable[[Sequence[BaseMessage]], str]
"""Makes of what an attempt said and did a text to be compared."""

_LONGEST = 4_000
"""Characters of a transcript, from its end."""


class AttemptRecord(TypedDict):
    """One attempt, as plain data."""

    messages: list[AnyMessage]
    summary: str
    put_off: list[dict[str, Any]]
    to_undo: list[dict[str, Any]]
    error: str | None


class AgentSearchInput(TypedDict):
    """The conversation so far."""

    messages: Annotated[list[AnyMessage], add_messages]


class AgentSearchOutput(TypedDict):
    """The conversation with the winner's turn, and everything behind it."""

    messages: Annotated[list[AnyMessage], add_messages]
    result: dict[str, Any]


class AgentSearchState(TypedDict, total=False):
    """State of the search."""

    messages: Annotated[list[AnyMessage], add_messages]
    attempts: list[AttemptRecord]
    picked: int
    scores: list[float | None]
    wave: int
    committed: list[AnyMessage]
    result: dict[str, Any]


def transcript(messages: Sequence[BaseMessage]) -> str:
    """Return what was said and done as text, the last 4,000 characters of it: the default summary."""
    return get_buffer_string(list(messages))[-_LONGEST:]


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

    A commit that a crash interrupts is made again when the search is resumed: give such tools a key of their own.

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
    graph.add_node("attempt", _attempt(agent, n, summarise))
    graph.add_node("compare", _compare(choose or by_vote()))
    graph.add_node("settle", lambda state: _settle(state, known))
    graph.add_node("commit", _commit(known))
    graph.add_node("answer", _answer)
    graph.add_edge(START, "attempt")
    graph.add_edge("attempt", "compare")
    graph.add_conditional_edges(
        "compare", lambda state: "more" if state["wave"] < waves else "enough", {"more": "attempt", "enough": "settle"}
    )
    graph.add_conditional_edges("settle", _left, {"commit": "commit", "done": "answer"})
    graph.add_conditional_edges("commit", _left, {"commit": "commit", "done": "answer"})
    graph.add_edge("answer", END)
    return graph


# --- attempt ------------------------------------------------------------------------------------------------------


def _attempt(agent: Runnable[Any, Any], n: int, summarise: Summarise) -> Runnable[AgentSearchState, dict[str, Any]]:
    def call(state: AgentSearchState, config: RunnableConfig) -> dict[str, Any]:
        asked, context = _asked(state), _context()

        def run(_: int) -> AttemptRecord:
            attempt = Attempt()
            try:
                with attempting(attempt), _detached():
                    output = agent.invoke({"messages": asked}, _hidden(config), **context)
            except ConfigurationError:
                raise
            except Exception as error:  # noqa: BLE001  one attempt that fails loses only itself
                return _record(attempt, [], summarise, error)
            return _record(attempt, output["messages"][len(asked) :], summarise)

        with ContextThreadPoolExecutor(max_workers=n) as threads:
            return _wave(state, list(threads.map(run, range(n))))

    async def acall(state: AgentSearchState, config: RunnableConfig) -> dict[str, Any]:
        asked, context = _asked(state), _context()

        async def run() -> AttemptRecord:
            attempt = Attempt()
            try:
                with attempting(attempt), _detached():
                    output = await agent.ainvoke({"messages": asked}, _hidden(config), **context)
            except ConfigurationError:
                raise
            except Exception as error:  # noqa: BLE001  as above
                return _record(attempt, [], summarise, error)
            return _record(attempt, output["messages"][len(asked) :], summarise)

        return _wave(state, list(await asyncio.gather(*(run() for _ in range(n)))))

    return RunnableLambda(call, acall, name="attempt")


def _asked(state: AgentSearchState) -> list[AnyMessage]:
    """Return the conversation, and from the second wave on what the best attempt so far did."""
    messages = state.get("messages") or []
    if not messages:
        raise InputError("There is no task: give `messages` whose last one says what the agent shall do.")
    if not state.get("wave"):
        return list(messages)
    best = state["attempts"][state["picked"]]["summary"]
    shown = f"An earlier attempt at this task, which may be wrong:\n\n{best}\n\nDo the task again, and do it better."
    return [*messages, HumanMessage(shown)]


def _context() -> dict[str, Any]:
    """Return what an attempt inherits of the surrounding run as arguments: its context, if there is one."""
    context = get_runtime().context
    return {} if context is None else {"context": context}


@contextmanager
def _detached() -> Iterator[None]:
    """Let what runs here stream nothing to the surrounding run: as its subgraph, all attempts would show."""
    token = var_child_runnable_config.set(None)
    try:
        yield
    finally:
        var_child_runnable_config.reset(token)


def _hidden(config: RunnableConfig) -> RunnableConfig:
    """Keep the tracers and counters of the surrounding run, without its streams, and guard the tools."""
    callbacks = config.get("callbacks")
    if not isinstance(callbacks, BaseCallbackManager):
        return {"tags": list(HIDDEN), "callbacks": [*(callbacks or []), ToolGuard()]}
    guarded = callbacks.copy()
    kept = [
        handler for handler in callbacks.inheritable_handlers if not type(handler).__module__.startswith("langgraph.")
    ]
    guarded.set_handlers([*kept, ToolGuard()], inherit=True)
    return {"tags": list(HIDDEN), "callbacks": guarded}


def _record(
    attempt: Attempt, messages: list[AnyMessage], summarise: Summarise, error: Exception | None = None
) -> AttemptRecord:
    return AttemptRecord(
        messages=messages,
        summary=summarise(messages),
        put_off=[dict(call) for call in attempt.put_off],
        to_undo=[{"call": dict(call), "returned": content} for call, content in attempt.to_undo],
        error=None if error is None else f"{type(error).__name__}: {error}",
    )


def _wave(state: AgentSearchState, records: list[AttemptRecord]) -> dict[str, Any]:
    return {"attempts": [*(state.get("attempts") or []), *records], "wave": (state.get("wave") or 0) + 1}


# --- compare ------------------------------------------------------------------------------------------------------


def _compare(choose: Chooser) -> Runnable[AgentSearchState, dict[str, Any]]:
    def options(state: AgentSearchState) -> tuple[list[int], Options]:
        alive = [place for place, one in enumerate(state["attempts"]) if one["error"] is None and one["messages"]]
        if not alive:
            raise SearchFailedError(f"Every attempt failed. The first: {state['attempts'][0]['error']}")
        attempts = [state["attempts"][place] for place in alive]
        said = tuple(convert_to_openai_messages(state["messages"]))
        moves = tuple(Move((), one["messages"][-1].text) for one in attempts)
        return alive, Options(said, tuple(one["summary"] or "(silent)" for one in attempts), moves)

    def update(state: AgentSearchState, alive: list[int], picked: Picked) -> dict[str, Any]:
        scores: list[float | None] = [None] * len(state["attempts"])
        for place, score in zip(alive, picked.scores, strict=False):
            scores[place] = score
        return {"picked": alive[picked.place], "scores": scores}

    def call(state: AgentSearchState) -> dict[str, Any]:
        alive, there = options(state)
        return update(state, alive, choose.invoke(there) if len(alive) > 1 else Picked(0))

    async def acall(state: AgentSearchState) -> dict[str, Any]:
        alive, there = options(state)
        return update(state, alive, await choose.ainvoke(there) if len(alive) > 1 else Picked(0))

    return RunnableLambda(call, acall, name="compare")


# --- settle, commit, answer ---------------------------------------------------------------------------------------


def _settle(state: AgentSearchState, tools: dict[str, BaseTool]) -> dict[str, Any]:
    """Take back what the losers did, the last first."""
    winner = state["picked"]
    losers = [one for place, one in enumerate(state["attempts"]) if place != winner]
    for done in [done for one in reversed(losers) for done in reversed(one["to_undo"])]:
        undo_of(_known(tools, done["call"]["name"]))(done["call"]["args"], done["returned"])
    for call in state["attempts"][winner]["put_off"]:
        _known(tools, call["name"])  # before the first commit, not after it
    return {"committed": []}


def _commit(tools: dict[str, BaseTool]) -> Runnable[AgentSearchState, dict[str, Any]]:
    """Carry out the next call that the winner put off."""

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


def _left(state: AgentSearchState) -> Literal["commit", "done"]:
    return "commit" if len(state["committed"]) < len(state["attempts"][state["picked"]]["put_off"]) else "done"


def _answer(state: AgentSearchState) -> dict[str, Any]:
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
