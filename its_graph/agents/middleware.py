"""Deliberation over an agent's next move: several replies to one model call, tool calls included; one of them goes on.

Only the winner reaches the conversation and the `messages` stream. Usage callbacks see every call once, as every reply
is a model call of its own; totals stand in the state's `its_trace`.
"""

import asyncio
import operator
from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated, Any, NamedTuple, NotRequired, TypeAlias

from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.messages.ai import UsageMetadata, add_usage
from langchain_core.runnables.config import ContextThreadPoolExecutor

from its_graph.agents.actions import ActionSet, action_set_of, as_text
from its_graph.agents.conditions import Gate, always
from its_graph.agents.hidden_calls import hidden
from its_graph.agents.selection import Chooser, Picked, by_vote
from its_graph.errors import ConfigurationError, MissingExtraError
from its_graph.generators.disable_llm_cache import without_llm_cache

try:
    from langchain.agents.middleware import (
        AgentMiddleware,
        AgentState,
        ExtendedModelResponse,
        ModelRequest,
        ModelResponse,
    )
    from langgraph.errors import GraphBubbleUp
    from langgraph.types import Command
except ImportError as error:
    raise MissingExtraError("langchain", "agents") from error

__all__ = ["DeliberateMiddleware", "DeliberateState"]


class DeliberateState(AgentState[Any]):
    """What the middleware adds to an agent's state."""

    its_trace: NotRequired[Annotated[list[dict[str, Any]], operator.add]]
    """One entry for each deliberation: what was drawn, what won, and what it cost."""


class _Drawn(NamedTuple):
    """The replies that came, and why others did not."""

    replies: list[ModelResponse[Any]]
    failures: list[Exception]


_Reply: TypeAlias = ModelResponse[Any] | Exception
"""What came of one call."""


class DeliberateMiddleware(AgentMiddleware[DeliberateState, Any, Any]):
    """Ask an agent's model several times for its next move, and let a rule choose.

    The model should be sampled with a temperature: equal replies teach nothing. One reply that fails loses only itself;
    where all fail the first error is raised. It belongs behind (further in than) middleware that changes the agent's
    state around a model call: what such a one inside it notes is noted for every reply.

    Args:
        n: replies to draw.
        choose: `by_vote()` (default), `by_score(verifier)` or `by_tournament(judge)` of `its_graph.agents.selection`.
        gate: after the first reply, whether to draw the others (`its_graph.agents.conditions`).

    Example:
        >>> agent = create_agent(model, tools, middleware=[DeliberateMiddleware(n=5, gate=before_tools({"pay"}))])
    """

    state_schema = DeliberateState

    def __init__(self, n: int = 5, *, choose: Chooser | None = None, gate: Gate = always) -> None:
        super().__init__()
        if n < 1:
            raise ConfigurationError(f"DeliberateMiddleware needs at least one reply, given n={n}.")
        self.n = n
        self.choose = choose or by_vote()
        self.gate = gate

    def wrap_model_call(
        self, request: ModelRequest[Any], handler: Callable[[ModelRequest[Any]], ModelResponse[Any]]
    ) -> ExtendedModelResponse[Any]:
        """Draw, choose, and go on with the winner."""
        asked = _fresh(request)

        def draw(_: int) -> _Reply:
            try:
                return handler(asked)
            except Exception as error:  # noqa: BLE001  one reply that fails loses only itself
                return error

        with hidden():
            replies = [draw(0)]
            if others := self._others(request, replies[0]):
                with ContextThreadPoolExecutor(max_workers=others) as threads:
                    replies += threads.map(draw, range(others))
        drawn = _sorted(replies)
        picked = self.choose.invoke(_options(request, drawn)) if len(drawn.replies) > 1 else Picked(0)
        return _decided(request, drawn, picked)

    async def awrap_model_call(
        self, request: ModelRequest[Any], handler: Callable[[ModelRequest[Any]], Awaitable[ModelResponse[Any]]]
    ) -> ExtendedModelResponse[Any]:
        """As `wrap_model_call`."""
        asked = _fresh(request)

        async def draw() -> _Reply:
            try:
                return await handler(asked)
            except Exception as error:  # noqa: BLE001  as above
                return error

        with hidden():
            replies = [await draw()]
            if others := self._others(request, replies[0]):
                replies += await asyncio.gather(*(draw() for _ in range(others)))
        drawn = _sorted(replies)
        picked = await self.choose.ainvoke(_options(request, drawn)) if len(drawn.replies) > 1 else Picked(0)
        return _decided(request, drawn, picked)

    def _others(self, request: ModelRequest[Any], first: _Reply) -> int:
        """Return how many replies to draw after the first; one that failed leaves the gate nothing to look at."""
        if isinstance(first, GraphBubbleUp):
            return 0
        on = isinstance(first, Exception) or self.gate(request.messages, _said(first))
        return self.n - 1 if on else 0


def _fresh(request: ModelRequest[Any]) -> ModelRequest[Any]:
    """Let every reply be a draw of its own, whatever cache of replies is on."""
    return request.override(model=without_llm_cache(request.model))


def _sorted(replies: Sequence[_Reply]) -> _Drawn:
    """Tell replies and failures apart. Where all failed, the first failure raises; an interrupt always does."""
    failures = [reply for reply in replies if isinstance(reply, Exception)]
    for interrupt in (error for error in failures if isinstance(error, GraphBubbleUp)):
        raise interrupt
    if len(failures) == len(replies):
        raise failures[0]
    return _Drawn([reply for reply in replies if not isinstance(reply, Exception)], failures)


def _said(response: ModelResponse[Any]) -> AIMessage:
    return next(message for message in response.result if isinstance(message, AIMessage))


def _options(request: ModelRequest[Any], drawn: _Drawn) -> ActionSet:
    before: list[BaseMessage] = [*([request.system_message] if request.system_message else []), *request.messages]
    return action_set_of(before, [_said(reply) for reply in drawn.replies])


def _decided(request: ModelRequest[Any], drawn: _Drawn, picked: Picked) -> ExtendedModelResponse[Any]:
    said = [_said(reply) for reply in drawn.replies]
    used: UsageMetadata | None = None
    for message in said:
        used = add_usage(used, message.usage_metadata)
    trace = {
        "n": len(said),
        "winner": picked.place,
        "replies": [as_text(message) for message in said],
        "scores": list(picked.scores),
        "failed": [f"{type(error).__name__}: {error}" for error in drawn.failures],
        "usage": dict(used or {}),
    }
    request.runtime.stream_writer({"type": "its.deliberated", **trace})
    return ExtendedModelResponse(
        model_response=drawn.replies[picked.place], command=Command(update={"its_trace": [trace]})
    )
