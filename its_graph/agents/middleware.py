"""Deliberation over an agent's next action: draw several replies to one model call, tool calls included, and keep one.

Only the winner reaches the conversation and the `messages` stream. Usage callbacks see every call once, since every
reply is its own model call; totals are in the state's `its_trace`.
"""

import asyncio
import operator
from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated, Any, NamedTuple, NotRequired, TypeAlias

from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.messages.ai import UsageMetadata, add_usage
from langchain_core.runnables.config import ContextThreadPoolExecutor

from its_graph.agents.actions import ActionSet, action_set_of, message_text
from its_graph.agents.conditions import Condition, always
from its_graph.agents.hidden_calls import hide_calls
from its_graph.agents.selection import Selection, SelectionRule, by_vote
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
    """One entry per deliberation: the replies, the winner and the cost."""


class _Draws(NamedTuple):
    """The replies, and the errors of those that failed."""

    replies: list[ModelResponse[Any]]
    failures: list[Exception]


_Reply: TypeAlias = ModelResponse[Any] | Exception
"""The outcome of one call."""


class DeliberateMiddleware(AgentMiddleware[DeliberateState, Any, Any]):
    """Sample an agent's model several times for its next action, and let a rule select one.

    Sample the model with a temperature: equal replies add nothing. Failed replies are dropped; if all fail, the first
    error is raised. Place it after (inside of) middleware that changes the agent's state around a model call; such
    middleware inside it would act once per reply.

    Args:
        n: replies to draw, at least 1.
        choose: `by_vote()` (default), `by_score(verifier)` or `by_tournament(judge)` of `its_graph.agents`.
        condition: whether to draw more replies, given the conversation and the first reply: `always` (default),
            `first_turns`, `before_tools` or `when_unsure` of `its_graph.agents`.

    Raises:
        ConfigurationError: n is below 1.

    >>> from langchain.agents import create_agent
    >>> from langchain_core.messages import HumanMessage
    >>> from its_graph.agents.testing import ScriptedChatModel
    >>> model = ScriptedChatModel(script=lambda messages, number: "The answer is 4" if number else "The answer is 3")
    >>> agent = create_agent(model, [], middleware=[DeliberateMiddleware(n=3)])
    >>> agent.invoke({"messages": [HumanMessage("2 + 2?")]})["messages"][-1].text
    'The answer is 4'
    """

    state_schema = DeliberateState

    def __init__(self, n: int = 5, *, choose: SelectionRule | None = None, condition: Condition = always) -> None:
        super().__init__()
        if n < 1:
            raise ConfigurationError(f"n must be >= 1; got {n}.")
        self.n = n
        self.choose = choose or by_vote()
        self.condition = condition

    def wrap_model_call(
        self, request: ModelRequest[Any], handler: Callable[[ModelRequest[Any]], ModelResponse[Any]]
    ) -> ExtendedModelResponse[Any]:
        """Draw replies, select one, and continue with it."""
        uncached = _uncached(request)

        def draw(_: int) -> _Reply:
            try:
                return handler(uncached)
            except Exception as error:  # noqa: BLE001  failed replies are isolated
                return error

        with hide_calls():
            replies = [draw(0)]
            if more := self._more(request, replies[0]):
                with ContextThreadPoolExecutor(max_workers=more) as threads:
                    replies += threads.map(draw, range(more))
        draws = _split(replies)
        selection = self.choose.invoke(_options(request, draws)) if len(draws.replies) > 1 else Selection(0)
        return _response(request, draws, selection)

    async def awrap_model_call(
        self, request: ModelRequest[Any], handler: Callable[[ModelRequest[Any]], Awaitable[ModelResponse[Any]]]
    ) -> ExtendedModelResponse[Any]:
        """Async version of `wrap_model_call`."""
        uncached = _uncached(request)

        async def draw() -> _Reply:
            try:
                return await handler(uncached)
            except Exception as error:  # noqa: BLE001  as above
                return error

        with hide_calls():
            replies = [await draw()]
            if more := self._more(request, replies[0]):
                replies += await asyncio.gather(*(draw() for _ in range(more)))
        draws = _split(replies)
        selection = await self.choose.ainvoke(_options(request, draws)) if len(draws.replies) > 1 else Selection(0)
        return _response(request, draws, selection)

    def _more(self, request: ModelRequest[Any], first: _Reply) -> int:
        """Return how many replies to draw after the first; all of them if the first one failed."""
        if isinstance(first, GraphBubbleUp):
            return 0
        deliberate = isinstance(first, Exception) or self.condition(request.messages, _message(first))
        return self.n - 1 if deliberate else 0


def _uncached(request: ModelRequest[Any]) -> ModelRequest[Any]:
    """Return the request with a model that bypasses LangChain's LLM cache: every reply is its own draw."""
    return request.override(model=without_llm_cache(request.model))


def _split(replies: Sequence[_Reply]) -> _Draws:
    """Separate replies from failures; raise the first failure if all failed, and an interrupt always."""
    failures = [reply for reply in replies if isinstance(reply, Exception)]
    for interrupt in (error for error in failures if isinstance(error, GraphBubbleUp)):
        raise interrupt
    if len(failures) == len(replies):
        raise failures[0]
    return _Draws([reply for reply in replies if not isinstance(reply, Exception)], failures)


def _message(response: ModelResponse[Any]) -> AIMessage:
    return next(message for message in response.result if isinstance(message, AIMessage))


def _options(request: ModelRequest[Any], draws: _Draws) -> ActionSet:
    conversation: list[BaseMessage] = [*([request.system_message] if request.system_message else []), *request.messages]
    return action_set_of(conversation, [_message(reply) for reply in draws.replies])


def _response(request: ModelRequest[Any], draws: _Draws, selection: Selection) -> ExtendedModelResponse[Any]:
    messages = [_message(reply) for reply in draws.replies]
    usage: UsageMetadata | None = None
    for message in messages:
        usage = add_usage(usage, message.usage_metadata)
    trace = {
        "n": len(messages),
        "winner": selection.winner,
        "replies": [message_text(message) for message in messages],
        "scores": list(selection.scores),
        "failed": [f"{type(error).__name__}: {error}" for error in draws.failures],
        "usage": dict(usage or {}),
    }
    request.runtime.stream_writer({"type": "its.deliberated", **trace})
    return ExtendedModelResponse(
        model_response=draws.replies[selection.winner], command=Command(update={"its_trace": [trace]})
    )
