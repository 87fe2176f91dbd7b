"""Chat completions with tools: a chat model is sampled several times, and one reply, tool calls included, is chosen."""

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
from its_graph.api.chat_reply import ChatReply, CompletionFormat
from its_graph.api.chat_request import ChatRequest
from its_graph.api.concurrency_limit import ConcurrencyLimit
from its_graph.api.disconnect import cancel_on_disconnect
from its_graph.api.errors import ApiError, log_unexpected, to_api_error
from its_graph.api.metrics import Metrics
from its_graph.api.model_catalog import ResolvedModel
from its_graph.api.options import validate_options
from its_graph.api.responses import KEEP_ALIVE, KEEP_ALIVE_S, EventStream, JsonReply, format_sse
from its_graph.budget import Spend
from its_graph.generators.chat_model import OPTION_FIELDS

__all__ = ["ToolCompletions"]

_STRATEGIES = ("single", "self_consistency", "best_of_n")
"""Strategies that choose among whole replies; no other kind applies to tool calls."""


class ToolCompletions:
    """Answers requests with tools.

    Args:
        limit: limit on concurrent requests, shared with searches.
        metrics: metrics of the server.
    """

    def __init__(self, limit: ConcurrencyLimit, metrics: Metrics) -> None:
        self._limit, self._metrics = limit, metrics

    async def reply(self, body: ChatRequest, resolved: ResolvedModel, request: Request) -> Response:
        """Return the best reply, whole or as a stream.

        Raises:
            ApiError: the request is invalid, a limit is reached, or all samples failed.
        """
        model = _deliberate_model(body, resolved)
        completion = CompletionFormat(uuid4().hex, body.model, body.include_usage)
        self._limit.acquire()
        task = asyncio.create_task(_chat_reply(model, body, resolved.strategy.name))
        self._track(task, resolved.strategy.name)
        if body.stream:
            return EventStream(_chunks(task, completion), on_close=task.cancel)
        return JsonReply(completion.completion(await cancel_on_disconnect(request, task)))

    def _track(self, task: asyncio.Task[ChatReply], strategy: str) -> None:
        """Record metrics of a task, and return its slot when it ends."""
        started_at = time.perf_counter()
        self._metrics.record_start(strategy)

        def on_end(task: asyncio.Task[ChatReply]) -> None:
            self._limit.release()
            status = "cancelled" if task.cancelled() else "failed" if task.exception() else "done"
            self._metrics.record_end(strategy, status, time.perf_counter() - started_at)
            if status == "done":
                usage = task.result().usage
                self._metrics.record_spend(
                    Spend(prompt_tokens=usage["prompt_tokens"], generated_tokens=usage["completion_tokens"])
                )

        task.add_done_callback(on_end)


def _deliberate_model(body: ChatRequest, resolved: ResolvedModel) -> Runnable[Any, AIMessage]:
    """Return the chat model that samples and chooses replies, with the request's tools bound."""
    strategy, served = resolved.strategy, resolved.served
    if served.chat_model is None:
        raise ApiError(400, f"{resolved.model} does not support tools: it has no chat model.", param="tools")
    if strategy.name not in _STRATEGIES:
        raise ApiError(
            400, f"{strategy.name} does not support tools. Use one of: {', '.join(_STRATEGIES)}.", param="model"
        )
    if body.budget.limited:
        raise ApiError(
            400, "budget is not supported with tools. Set `options.n` and `max_tokens` instead.", param="budget"
        )
    options = {"n": 1, **strategy.options, **resolved.options, **validate_options(strategy, body.options)}
    n = options["n"]
    if n < 1:
        raise ApiError(400, f"options.n must be >= 1; got {n}.", param="options.n")
    verifier = served.verifier if strategy.name == "best_of_n" else None
    choose = by_vote() if verifier is None else by_score(verifier)
    model = DeliberateChatModel(model=_with_sampling(served.chat_model, body, n), n=n, choose=choose)
    preferences = {"tool_choice": body.tool_choice, "parallel_tool_calls": body.parallel_tool_calls}
    return model.bind_tools(
        body.tools_as_data, **{key: value for key, value in preferences.items() if value is not None}
    )


def _with_sampling(model: BaseChatModel, body: ChatRequest, n: int) -> BaseChatModel:
    """Return the model with the request's sampling parameters; with a seed, n > 1 replies would all be equal."""
    seed = body.seed if n == 1 else None
    requested = {
        "temperature": body.temperature,
        "top_p": body.top_p,
        "max_tokens": body.max_reply_tokens,
        "seed": seed,
    }
    declared = type(model).model_fields
    update = {
        field: value
        for option, value in requested.items()
        if value is not None and (field := next((name for name in OPTION_FIELDS[option] if name in declared), None))
    }
    return model.model_copy(update=update)


async def _chat_reply(model: Runnable[Any, AIMessage], body: ChatRequest, strategy: str) -> ChatReply:
    message = await model.ainvoke(body.messages)
    its = message.response_metadata["its"]
    prompt_tokens, completion_tokens = (int(its["usage"].get(key, 0)) for key in ("input_tokens", "output_tokens"))
    truncated = message.response_metadata.get("finish_reason") == "length"
    has_calls = message.tool_calls or message.invalid_tool_calls
    return ChatReply(
        message=_openai_message(message),
        finish_reason="length" if truncated else "tool_calls" if has_calls else "stop",
        usage={
            "prompt_tokens": prompt_tokens,
            "completion_tokens": completion_tokens,
            "total_tokens": prompt_tokens + completion_tokens,
        },
        its={"strategy": strategy, **{key: its[key] for key in ("n", "winner", "scores", "failed")}},
    )


def _openai_message(message: AIMessage) -> dict[str, Any]:
    """Return the message in OpenAI's format; as with OpenAI, clients handle calls with invalid JSON arguments."""
    converted: dict[str, Any] = convert_to_openai_messages(message)
    calls = [*converted.get("tool_calls", []), *map(_raw_call, message.invalid_tool_calls)]
    return {**converted, "content": message.text or None, "refusal": None, **({"tool_calls": calls} if calls else {})}


def _raw_call(call: InvalidToolCall) -> dict[str, Any]:
    function = {"name": call["name"] or "", "arguments": call["args"] or ""}
    return {"type": "function", "id": call["id"] or f"call_{uuid4().hex}", "function": function}


async def _chunks(task: asyncio.Task[ChatReply], completion: CompletionFormat) -> AsyncIterator[str]:
    """Yield the stream: the reply is available only once it is chosen."""
    yield completion.first_chunk()
    while not task.done():
        await asyncio.wait([task], timeout=KEEP_ALIVE_S)
        yield KEEP_ALIVE
    if (error := task.exception()) is not None:
        log_unexpected(error)
        yield format_sse(to_api_error(error).body())
        return
    reply = task.result()
    if reply.message["content"]:
        yield completion.chunk({"content": reply.message["content"]})
    if calls := reply.message.get("tool_calls"):
        yield completion.chunk({"tool_calls": [{"index": index, **call} for index, call in enumerate(calls)]})
    for chunk in completion.last_chunks(reply):
        yield chunk
