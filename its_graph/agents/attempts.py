"""attempt: run an agent several times concurrently; failed attempts are isolated."""

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

from its_graph.agents.isolation import attempt_config, context_argument, detached, isolated_agent
from its_graph.agents.side_effects import Attempt, DeferredCall, DoneCall, call_position, use_attempt
from its_graph.errors import ConfigurationError, InputError

__all__ = [
    "AgentSearchInput",
    "AgentSearchOutput",
    "AgentSearchState",
    "AttemptRecord",
    "Summarizer",
    "attempt",
    "transcript",
]

Summarizer: TypeAlias = Callable[[Sequence[BaseMessage]], str]
"""Turns the messages of an attempt into the text that is compared."""

_LONGEST = 4_000
"""Maximum characters of a transcript, counted from its end."""

_HINT = "its_hint_"
"""Prefix of the id of a message that shows an earlier attempt and is not part of the conversation."""


class AttemptRecord(TypedDict):
    """One attempt, as plain data."""

    turn: list[AnyMessage]
    """The messages that it added."""
    rewritten: list[AnyMessage] | None
    """The whole conversation, if the agent changed earlier messages (for example, summarized them)."""
    structured_response: Any
    summary: str
    deferred: list[DeferredCall]
    """In the order of the model's calls."""
    done: list[DoneCall]
    error: str | None
    fatal: bool
    """Whether the error is one of configuration, which every attempt would hit."""


class AgentSearchInput(TypedDict):
    """The conversation so far."""

    messages: Annotated[list[AnyMessage], add_messages]


class AgentSearchOutput(TypedDict, total=False):
    """The conversation with the winner's turn, and the details of the search."""

    messages: Annotated[list[AnyMessage], add_messages]
    structured_response: Any
    """The winner's, if its agent returns one."""
    result: dict[str, Any]


class AgentSearchState(TypedDict, total=False):
    """State of the search."""

    messages: Annotated[list[AnyMessage], add_messages]
    attempts: list[AttemptRecord]
    winner: int | None
    """Index of the best attempt so far; None if all failed."""
    scores: list[float | None]
    wave: int
    undone: int
    """Number of the losers' calls undone so far."""
    committed: list[AnyMessage]
    """Tool messages of the winner's commits so far."""
    structured_response: Any
    result: dict[str, Any]


def transcript(messages: Sequence[BaseMessage]) -> str:
    """Return the messages as text, its last 4,000 characters: the default summary."""
    return get_buffer_string(list(messages))[-_LONGEST:]


def attempt(agent: Runnable[Any, Any], n: int, summarize: Summarizer) -> Runnable[AgentSearchState, dict[str, Any]]:
    """Return the node that runs `agent` n times."""

    def call(state: AgentSearchState, config: RunnableConfig) -> dict[str, Any]:
        isolated, asked, context = isolated_agent(agent), _asked(state), context_argument()

        def run(_: int) -> AttemptRecord:
            with _attempt() as outcome:
                outcome.finish(isolated.invoke({"messages": asked}, attempt_config(config), **context))
            return outcome.record(asked, summarize)

        with ContextThreadPoolExecutor(max_workers=n) as threads:
            return _wave(state, list(threads.map(run, range(n))))

    async def acall(state: AgentSearchState, config: RunnableConfig) -> dict[str, Any]:
        isolated, asked, context = isolated_agent(agent), _asked(state), context_argument()

        async def run() -> AttemptRecord:
            with _attempt() as outcome:
                outcome.finish(await isolated.ainvoke({"messages": asked}, attempt_config(config), **context))
            return outcome.record(asked, summarize)

        return _wave(state, list(await asyncio.gather(*(run() for _ in range(n)))))

    return RunnableLambda(call, acall, name="attempt")


@dataclass
class _Outcome:
    """The outcome of one attempt."""

    effects: Attempt = field(default_factory=Attempt)
    output: dict[str, Any] = field(default_factory=dict)
    error: Exception | None = None

    def finish(self, output: dict[str, Any]) -> None:
        if output.get("__interrupt__"):
            raise ConfigurationError(
                "An attempt interrupted to ask a person, but attempts run concurrently and most lose. Compile "
                'the search with interrupt_before=["commit"] instead, or call interrupt() in the commit tool.'
            )
        self.output = output

    def record(self, asked: Sequence[AnyMessage], summarize: Summarizer) -> AttemptRecord:
        known = {message.id for message in asked}
        messages = self.output.get("messages", [])
        turn = [message for message in messages if message.id not in known]
        # A graph may return only its turn; that does not mean that it deleted the rest of the conversation.
        untouched = messages[: len(asked)] == list(asked) or len(turn) == len(messages)
        return AttemptRecord(
            turn=turn,
            rewritten=None if untouched else [message for message in messages if not str(message.id).startswith(_HINT)],
            structured_response=self.output.get("structured_response"),
            summary=summarize(turn),
            deferred=sorted(self.effects.deferred, key=lambda deferred: call_position(turn, deferred["call"]["id"])),
            done=self.effects.done,
            error=None if self.error is None else f"{type(self.error).__name__}: {self.error}",
            fatal=isinstance(self.error, ConfigurationError),
        )


@contextmanager
def _attempt() -> Iterator[_Outcome]:
    """Collect the side effects of one attempt, and its error if it fails."""
    outcome = _Outcome()
    try:
        with use_attempt(outcome.effects), detached():
            yield outcome
    except Exception as error:  # noqa: BLE001  failed attempts are isolated
        outcome.error = error


def _asked(state: AgentSearchState) -> list[AnyMessage]:
    """Return the conversation and, from the second wave on, the best attempt so far."""
    messages = state.get("messages") or []
    if not messages:
        raise InputError("`messages` must not be empty; end it with the task for the agent.")
    if (best := state["winner"]) is None:
        return list(messages)
    summary = state["attempts"][best]["summary"]
    shown = f"An earlier attempt at this task, which may be wrong:\n\n{summary}\n\nDo the task again, and do it better."
    return [*messages, HumanMessage(shown, id=f"{_HINT}{uuid4()}")]


def _wave(state: AgentSearchState, records: list[AttemptRecord]) -> dict[str, Any]:
    return {"attempts": [*state["attempts"], *records], "wave": state["wave"] + 1}
