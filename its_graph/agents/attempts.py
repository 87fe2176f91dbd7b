"""attempt: run an agent several times side by side; one that fails loses only itself."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Annotated, Any, TypeAlias
from uuid import uuid4

from langchain_core.messages import AnyMessage, BaseMessage, HumanMessage, get_buffer_string
from langchain_core.runnables import Runnable, RunnableConfig, RunnableLambda
from langchain_core.runnables.config import ContextThreadPoolExecutor
from langgraph.graph.message import add_messages
from typing_extensions import TypedDict

from its_graph.agents.isolation import config_of, context_of, detached, on_its_own
from its_graph.agents.side_effects import Attempt, DeferredCall, DoneCall, asked_in, attempting
from its_graph.errors import ConfigurationError, InputError

__all__ = [
    "AgentSearchInput",
    "AgentSearchOutput",
    "AgentSearchState",
    "AttemptRecord",
    "Summarise",
    "attempt",
    "transcript",
]

Summarise: TypeAlias = Callable[[Sequence[BaseMessage]], str]
"""Makes of what an attempt said and did a text to be compared."""

_LONGEST = 4_000
"""Characters of a transcript, from its end."""

_HINT = "its_hint_"
"""What the id of a message begins with that shows an earlier attempt; it is no part of the conversation."""


class AttemptRecord(TypedDict):
    """One attempt, as plain data."""

    turn: list[AnyMessage]
    """What it said and did."""
    rewritten: list[AnyMessage] | None
    """The whole conversation, where the agent changed what came before its turn (a summary of it, say)."""
    structured_response: Any
    summary: str
    put_off: list[DeferredCall]
    """In the order of the model's calls."""
    made: list[DoneCall]
    error: str | None
    fatal: bool
    """Whether the error lies in the set-up, so that every attempt would meet it."""


class AgentSearchInput(TypedDict):
    """The conversation so far."""

    messages: Annotated[list[AnyMessage], add_messages]


class AgentSearchOutput(TypedDict, total=False):
    """The conversation with the winner's turn, and everything behind it."""

    messages: Annotated[list[AnyMessage], add_messages]
    structured_response: Any
    """The winner's, if its agent gives one."""
    result: dict[str, Any]


class AgentSearchState(TypedDict, total=False):
    """State of the search."""

    messages: Annotated[list[AnyMessage], add_messages]
    attempts: list[AttemptRecord]
    picked: int | None
    """Place of the best attempt so far; None where every one failed."""
    scores: list[float | None]
    wave: int
    undone: int
    """How many calls of the losers were taken back."""
    committed: list[AnyMessage]
    """What the winner's commits returned so far."""
    structured_response: Any
    result: dict[str, Any]


def transcript(messages: Sequence[BaseMessage]) -> str:
    """Return what was said and done as text, the last 4,000 characters of it: the default summary."""
    return get_buffer_string(list(messages))[-_LONGEST:]


def attempt(agent: Runnable[Any, Any], n: int, summarise: Summarise) -> Runnable[AgentSearchState, dict[str, Any]]:
    """Return the node that runs `agent` n times."""

    def call(state: AgentSearchState, config: RunnableConfig) -> dict[str, Any]:
        alone, asked, context = on_its_own(agent), _asked(state), context_of()

        def run(_: int) -> AttemptRecord:
            with _attempt() as outcome:
                outcome.take(alone.invoke({"messages": asked}, config_of(config), **context))
            return outcome.record(asked, summarise)

        with ContextThreadPoolExecutor(max_workers=n) as threads:
            return _wave(state, list(threads.map(run, range(n))))

    async def acall(state: AgentSearchState, config: RunnableConfig) -> dict[str, Any]:
        alone, asked, context = on_its_own(agent), _asked(state), context_of()

        async def run() -> AttemptRecord:
            with _attempt() as outcome:
                outcome.take(await alone.ainvoke({"messages": asked}, config_of(config), **context))
            return outcome.record(asked, summarise)

        return _wave(state, list(await asyncio.gather(*(run() for _ in range(n)))))

    return RunnableLambda(call, acall, name="attempt")


@dataclass
class _Outcome:
    """What becomes of one attempt."""

    deeds: Attempt = field(default_factory=Attempt)
    output: dict[str, Any] = field(default_factory=dict)
    error: Exception | None = None

    def take(self, output: dict[str, Any]) -> None:
        if output.get("__interrupt__"):
            raise ConfigurationError(
                "An attempt stopped to ask a person. Attempts run side by side and several lose, so they cannot ask: "
                'compile the search with interrupt_before=["commit"], or let the tool to commit call interrupt().'
            )
        self.output = output

    def record(self, asked: Sequence[AnyMessage], summarise: Summarise) -> AttemptRecord:
        known = {message.id for message in asked}
        messages = self.output.get("messages", [])
        turn = [message for message in messages if message.id not in known]
        # A graph may hand over its turn alone: that is no conversation of which all but the turn was thrown away.
        untouched = messages[: len(asked)] == list(asked) or len(turn) == len(messages)
        return AttemptRecord(
            turn=turn,
            rewritten=None if untouched else [one for one in messages if not str(one.id).startswith(_HINT)],
            structured_response=self.output.get("structured_response"),
            summary=summarise(turn),
            put_off=sorted(self.deeds.put_off, key=lambda one: asked_in(turn, one["call"]["id"])),
            made=self.deeds.made,
            error=None if self.error is None else f"{type(self.error).__name__}: {self.error}",
            fatal=isinstance(self.error, ConfigurationError),
        )


@contextmanager
def _attempt() -> Iterator[_Outcome]:
    """Note what one attempt does, and its error, if it has one."""
    outcome = _Outcome()
    try:
        with attempting(outcome.deeds), detached():
            yield outcome
    except Exception as error:  # noqa: BLE001  one attempt that fails loses only itself
        outcome.error = error


def _asked(state: AgentSearchState) -> list[AnyMessage]:
    """Return the conversation, and from the second wave on what the best attempt so far did."""
    messages = state.get("messages") or []
    if not messages:
        raise InputError("There is no task: give `messages` whose last one says what the agent shall do.")
    if (best := state["picked"]) is None:
        return list(messages)
    summary = state["attempts"][best]["summary"]
    shown = f"An earlier attempt at this task, which may be wrong:\n\n{summary}\n\nDo the task again, and do it better."
    return [*messages, HumanMessage(shown, id=f"{_HINT}{uuid4()}")]


def _wave(state: AgentSearchState, records: list[AttemptRecord]) -> dict[str, Any]:
    return {"attempts": [*state["attempts"], *records], "wave": state["wave"] + 1}
