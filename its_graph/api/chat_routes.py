"""OpenAI's API over searches: the `model` of a request names a strategy, its reply is the search's answer."""

from collections.abc import AsyncIterator
from typing import Any

from fastapi import APIRouter, Request, Response

from its_graph.api.chat_reply import ChatReply, Completion
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
from its_graph.text.steps import split_steps

__all__ = ["chat_routes"]


def chat_routes(menu: ModelCatalog, searches: SearchPool, tools: ToolCompletions) -> APIRouter:
    """Return OpenAI's routes."""
    routes = APIRouter(prefix="/v1", tags=["OpenAI"])

    @routes.get("/models", summary="Every strategy over every model that can serve it")
    def models() -> JsonReply:
        return JsonReply({"object": "list", "data": [_model(name) for name in menu.ids()]})

    @routes.get("/models/{id:path}", summary="One of them")
    def model(id: str) -> JsonReply:
        menu.named(id)
        return JsonReply(_model(id))

    @routes.post("/chat/completions", summary="Answer a conversation by a search")
    async def complete(asked: ChatRequest, request: Request) -> Response:
        choice = menu.named(asked.model)
        if asked.tools:
            return await tools.answer(asked, choice, request)
        search = await searches.answer(asked.search(choice.strategy.name, choice.model))
        frame = Completion(search.id, asked.model, asked.tells_usage)
        if asked.stream:
            await _begun(search)
            return EventStream(_chunks(search, frame), when_left=search.abandon)
        try:
            await cancel_on_disconnect(request, search.ended())
        finally:
            search.abandon()
        return JsonReply(frame.whole(_reply(search)))

    return routes


def _model(id: str) -> dict[str, Any]:
    return {"id": id, "object": "model", "created": 0, "owned_by": "its_graph"}


async def _begun(search: Search) -> None:
    """Wait for the first event: a search that fails before it is an error of HTTP, not of the stream.

    Raises:
        ApiError: the search has failed.
    """
    if (await search.log.event(0))["type"] == "its.ended":
        raise _failure(search)


async def _chunks(search: Search, frame: Completion) -> AsyncIterator[str]:
    """Yield the stream: what the search thinks while it runs, then the answer step by step."""
    thoughts = ReasoningStream()
    yield frame.begin()
    async for told in search.log.listen(idle_s=KEEP_ALIVE_S):
        if told is None:
            yield KEEP_ALIVE
        elif thought := thoughts.of(told[1]):
            yield frame.delta({"reasoning_content": thought})
    if search.result is None:
        yield format_sse(_failure(search).body())
        return
    reply = _reply(search)
    for piece in split_steps(reply.message["content"]):
        yield frame.delta({"content": piece})
    for chunk in frame.end(reply):
        yield chunk


def _reply(search: Search) -> ChatReply:
    """Return the search's answer.

    Raises:
        ApiError: there is none.
    """
    if (result := search.result) is None:
        raise _failure(search)
    spend = Spend(**result["spend"])
    its = {key: result[key] for key in ("strategy", "answer", "stop_reason", "seed", "spend")} | {"search": search.id}
    return ChatReply(
        message={"role": "assistant", "content": result["text"] or "", "refusal": None},
        finish_reason="stop" if _is_whole(result) else "length",
        usage={
            "prompt_tokens": spend.prompt_tokens,
            "completion_tokens": spend.generated_tokens,
            "total_tokens": spend.prompt_tokens + spend.generated_tokens,
            "prompt_tokens_details": {"cached_tokens": spend.cached_tokens},
        },
        its=its,
    )


def _is_whole(result: dict[str, Any]) -> bool:
    """Tell whether the winner came to its end: a budget or a limit may have cut off all there is."""
    return any(one["finished"] for one in result["candidates"] if one["text"] == result["text"])


def _failure(search: Search) -> ApiError:
    if search.failure is None:
        return ApiError(409, "The search was cancelled.", code="cancelled", headers={"x-should-retry": "false"})
    return to_api_error(search.failure)
