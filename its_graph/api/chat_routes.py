"""OpenAI's chat completions over searches: the `model` of a request names a strategy; the reply is its answer."""

from collections.abc import AsyncIterator
from typing import Any

from fastapi import APIRouter, Request, Response

from its_graph.api.chat_reply import ChatReply, CompletionFormat
from its_graph.api.chat_request import ChatRequest
from its_graph.api.disconnect import cancel_on_disconnect
from its_graph.api.errors import ApiError, to_api_error
from its_graph.api.model_catalog import ModelCatalog
from its_graph.api.reasoning_stream import ReasoningStream
from its_graph.api.responses import KEEP_ALIVE, KEEP_ALIVE_S, EventStream, JsonReply, format_sse
from its_graph.api.search import Search
from its_graph.api.search_pool import SearchPool
from its_graph.api.tools import ToolCompletions
from its_graph.budget import Spend
from its_graph.search.result import SearchResult
from its_graph.text.steps import split_steps

__all__ = ["chat_routes"]


def chat_routes(catalog: ModelCatalog, searches: SearchPool, tool_completions: ToolCompletions) -> APIRouter:
    """Return the routes of OpenAI's API."""
    routes = APIRouter(prefix="/v1", tags=["OpenAI"])

    @routes.get("/models", summary="List models: bare models, and every strategy over every model that supports it")
    def list_models() -> JsonReply:
        return JsonReply({"object": "list", "data": [_model(model_id) for model_id in catalog.model_ids()]})

    @routes.get("/models/{id:path}", summary="Retrieve a model")
    def retrieve_model(id: str) -> JsonReply:
        catalog.resolve_id(id)
        return JsonReply(_model(id))

    @routes.post("/chat/completions", summary="Create a chat completion: the answer of a search")
    async def create_chat_completion(body: ChatRequest, request: Request) -> Response:
        resolved = catalog.resolve_id(body.model)
        if body.tools:
            return await tool_completions.reply(body, resolved, request)
        search = await searches.start_in_memory(body.search_request(resolved.strategy.name, resolved.model))
        completion = CompletionFormat(search.id, body.model, body.include_usage)
        if body.stream:
            await _wait_for_start(search)
            return EventStream(_chunks(search, completion), on_close=search.request_cancel)
        try:
            await cancel_on_disconnect(request, search.wait())
        finally:
            search.request_cancel()
        return JsonReply(completion.completion(_reply(search)))

    return routes


def _model(model_id: str) -> dict[str, Any]:
    return {"id": model_id, "object": "model", "created": 0, "owned_by": "its_graph"}


async def _wait_for_start(search: Search) -> None:
    """Wait for the first event: a search that fails before it gets an HTTP error, not an error in the stream.

    Raises:
        ApiError: the search failed.
    """
    if (await search.log.wait_for(0))["type"] == "its.ended":
        raise _failure(search)


async def _chunks(search: Search, completion: CompletionFormat) -> AsyncIterator[str]:
    """Yield the stream: reasoning while the search runs, then the answer step by step."""
    reasoning = ReasoningStream()
    yield completion.first_chunk()
    async for numbered_event in search.log.subscribe(idle_s=KEEP_ALIVE_S):
        if numbered_event is None:
            yield KEEP_ALIVE
        elif text := reasoning.text_of(numbered_event[1]):
            yield completion.chunk({"reasoning_content": text})
    if search.result is None:
        yield format_sse(_failure(search).body())
        return
    reply = _reply(search)
    for step in split_steps(reply.message["content"]):
        yield completion.chunk({"content": step})
    for chunk in completion.last_chunks(reply):
        yield chunk


def _reply(search: Search) -> ChatReply:
    """Return the search's answer.

    Raises:
        ApiError: the search has no answer.
    """
    if (result := search.result) is None:
        raise _failure(search)
    spend = Spend(**result["spend"])
    its = {
        "strategy": result["strategy"],
        "answer": result["answer"],
        "stop_reason": result["stop_reason"],
        "seed": result["seed"],
        "spend": result["spend"],
        "search": search.id,
    }
    return ChatReply(
        message={"role": "assistant", "content": result["text"] or "", "refusal": None},
        finish_reason="stop" if _is_complete(result) else "length",
        usage={
            "prompt_tokens": spend.prompt_tokens,
            "completion_tokens": spend.generated_tokens,
            "total_tokens": spend.prompt_tokens + spend.generated_tokens,
            "prompt_tokens_details": {"cached_tokens": spend.cached_tokens},
        },
        its=its,
    )


def _is_complete(result: SearchResult) -> bool:
    """Return whether the winner is complete: a budget or a token limit may have truncated every candidate."""
    return any(candidate["finished"] for candidate in result["candidates"] if candidate["text"] == result["text"])


def _failure(search: Search) -> ApiError:
    if search.failure is None:
        return ApiError(409, "The search was cancelled.", code="cancelled", headers={"x-should-retry": "false"})
    return to_api_error(search.failure)
