"""Requests with tools: a chat model is asked several times, and its replies, tool calls included, are chosen among."""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

from fastapi import Request, Response
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, InvalidToolCall, convert_to_openai_messages
from langchain_core.runnables import Runnable

from its_graph.agents.chat_model import DeliberateChatModel
from its_graph.agents.selection import by_score, by_vote
from its_graph.api.chat_reply import ChatReply, Completion
from its_graph.api.chat_request import ChatRequest
from its_graph.api.concurrency_limit import ConcurrencyLimit
from its_graph.api.disconnect import cancel_on_disconnect
from its_graph.api.errors import ApiError, to_api_error, log_unexpected
from its_graph.api.metrics import Metrics
from its_graph.api.model_catalog import ResolvedModel
from its_graph.api.options import validate_options
from its_graph.api.responses import KEEP_ALIVE, KEEP_ALIVE_S, EventStream, JsonReply, format_sse
from its_graph.budget import Spend
from its_graph.generators.chat_model import FIELDS

__all__ = ["ToolCompletions"]

_STRATEGIES = ("single", "self_consistency", "best_of_n")
"""Those that choose among whole replies, which is all that can be done with tool calls."""


class ToolCompletions:
    """Answers requests with tools.

    Args:
        slots: how many may run at once, searches among them.
        metrics: what is counted.
    """

    def __init__(self, slots: ConcurrencyLimit, metrics: Metrics) -> None:
        self._slots, self._metrics = slots, metrics

    async def answer(self, asked: ChatRequest, choice: ResolvedModel, request: Request) -> Response:
        """Return the best reply to `asked`, whole or as a stream.

        Raises:
            ApiError: the request cannot be honoured, there is no room, or every reply failed.
        """
        model = _deliberating(asked, choice)
        frame = Completion(uuid4().hex, asked.model, asked.tells_usage)
        self._slots.take()
        task = asyncio.create_task(_reply(model, asked, choice.strategy.name))
        self._count(task, choice.strategy.name)
        if asked.stream:
            return EventStream(_chunks(task, frame), when_left=task.cancel)
        return JsonReply(frame.whole(await cancel_on_disconnect(request, task)))

    def _count(self, task: asyncio.Task[ChatReply], strategy: str) -> None:
        began = time.perf_counter()
        self._metrics.started(strategy)

        def ended(task: asyncio.Task[ChatReply]) -> None:
            self._slots.give()
            status = "cancelled" if task.cancelled() else "failed" if task.exception() else "done"
            self._metrics.ended(strategy, status, time.perf_counter() - began)
            if status == "done":
                usage = task.result().usage
                self._metrics.spent(
                    Spend(prompt_tokens=usage["prompt_tokens"], generated_tokens=usage["completion_tokens"])
                )

        task.add_done_callback(ended)


def _deliberating(asked: ChatRequest, choice: ResolvedModel) -> Runnable[Any, AIMessage]:
    """Return the chat model that draws and chooses replies, its tools bound."""
    name, served = choice.strategy.name, choice.served
    if served.chat_model is None:
        raise ApiError(400, f"{choice.model} answers without tools: no chat model was given for it.", param="tools")
    if name not in _STRATEGIES:
        raise ApiError(
            400, f"{name} cannot search over tool calls. Use one of {', '.join(_STRATEGIES)}.", param="model"
        )
    if asked.budget.limited:
        raise ApiError(400, "No budget is held over tool calls: set `options.n` and `max_tokens`.", param="budget")
    n = {"n": 1, **choice.strategy.options, **choice.options, **validate_options(choice.strategy, asked.options)}["n"]
    if n < 1:
        raise ApiError(400, f"options.n={n}: at least one reply is needed.", param="options.n")
    scored = served.verifier if name == "best_of_n" else None
    choose = by_vote() if scored is None else by_score(scored)
    model = DeliberateChatModel(model=_sampling(served.chat_model, asked, n), n=n, choose=choose)
    wishes = {"tool_choice": asked.tool_choice, "parallel_tool_calls": asked.parallel_tool_calls}
    return model.bind_tools(asked.tools_as_data, **{key: value for key, value in wishes.items() if value is not None})


def _sampling(model: BaseChatModel, asked: ChatRequest, n: int) -> BaseChatModel:
    """Return the model with the options of the request; with a seed, n > 1 replies would all be the same."""
    seed = asked.seed if n == 1 else None
    wanted = {"temperature": asked.temperature, "top_p": asked.top_p, "max_tokens": asked.limit, "seed": seed}
    declared = type(model).model_fields
    update = {
        field: value
        for option, value in wanted.items()
        if value is not None and (field := next((name for name in FIELDS[option] if name in declared), None))
    }
    return model.model_copy(update=update)


async def _reply(model: Runnable[Any, AIMessage], asked: ChatRequest, strategy: str) -> ChatReply:
    said = await model.ainvoke(asked.messages)
    told = said.response_metadata["its"]
    read, wrote = (int(told["usage"].get(key, 0)) for key in ("input_tokens", "output_tokens"))
    cut = said.response_metadata.get("finish_reason") == "length"
    return ChatReply(
        message=_in_openais_form(said),
        finish_reason="length" if cut else "tool_calls" if said.tool_calls or said.invalid_tool_calls else "stop",
        usage={"prompt_tokens": read, "completion_tokens": wrote, "total_tokens": read + wrote},
        its={"strategy": strategy, **{key: told[key] for key in ("n", "winner", "scores", "failed")}},
    )


def _in_openais_form(said: AIMessage) -> dict[str, Any]:
    """Return what was said; a call whose arguments are no JSON is the caller's to judge, as with OpenAI."""
    message: dict[str, Any] = convert_to_openai_messages(said)
    calls = [*message.get("tool_calls", []), *map(_as_written, said.invalid_tool_calls)]
    return {**message, "content": said.text or None, "refusal": None, **({"tool_calls": calls} if calls else {})}


def _as_written(call: InvalidToolCall) -> dict[str, Any]:
    function = {"name": call["name"] or "", "arguments": call["args"] or ""}
    return {"type": "function", "id": call["id"] or f"call_{uuid4().hex}", "function": function}


async def _chunks(task: asyncio.Task[ChatReply], frame: Completion) -> AsyncIterator[str]:
    """Yield the stream: the reply is whole once it is chosen."""
    yield frame.begin()
    while not task.done():
        await asyncio.wait([task], timeout=KEEP_ALIVE_S)
        yield KEEP_ALIVE
    if (error := task.exception()) is not None:
        log_unexpected(error)
        yield format_sse(to_api_error(error).body())
        return
    reply = task.result()
    if reply.message["content"]:
        yield frame.delta({"content": reply.message["content"]})
    if calls := reply.message.get("tool_calls"):
        yield frame.delta({"tool_calls": [{"index": place, **call} for place, call in enumerate(calls)]})
    for chunk in frame.end(reply):
        yield chunk
