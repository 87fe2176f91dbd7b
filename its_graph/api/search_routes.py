"""The search API: start, watch, steer, cancel, resume and delete searches."""

from collections.abc import AsyncIterator

from fastapi import APIRouter, Header, Response

from its_graph.api.model_catalog import ModelCatalog
from its_graph.api.responses import KEEP_ALIVE, KEEP_ALIVE_S, EventStream, JsonReply, format_sse
from its_graph.api.schemas import SearchRequest, SearchStatus, SteeringReply
from its_graph.api.search import Search
from its_graph.api.search_pool import SearchPool

__all__ = ["search_routes"]


def search_routes(catalog: ModelCatalog, searches: SearchPool) -> APIRouter:
    """Return the routes of the search API."""
    routes = APIRouter(tags=["search"])

    @routes.get("/catalog", summary="List models, strategies and their options")
    def get_catalog() -> JsonReply:
        return JsonReply(catalog.describe())

    @routes.post("/search", status_code=201, response_model=SearchStatus, summary="Start a search")
    async def start(request: SearchRequest) -> Response:
        search = await searches.start(request)
        headers = {"Location": f"/search/{search.id}"}
        if request.stream:
            return EventStream(_event_stream(search, -1), headers=headers)
        return JsonReply(search.details().model_dump(), 201, headers=headers)

    @routes.get("/search", summary="List searches, newest first")
    async def list_searches() -> JsonReply:
        excluded = {"result", "human_request"}
        newest = await searches.list_newest()
        return JsonReply({"searches": [summary.model_dump(exclude=excluded) for summary in newest]})

    @routes.get("/search/{id}", response_model=SearchStatus, summary="Get the status of a search")
    async def get_status(id: str) -> JsonReply:
        return _status(await searches.get(id))

    @routes.delete("/search/{id}", status_code=204, summary="Cancel a search and delete everything stored of it")
    async def delete(id: str) -> Response:
        await searches.delete(id)
        return Response(status_code=204)

    @routes.get("/search/{id}/events", summary="Stream all events of a search, past and live, as server-sent events")
    async def stream_events(id: str, last_event_id: str = Header(default="")) -> EventStream:
        search = await searches.get(id)
        return EventStream(_event_stream(search, search.log.event_number(last_event_id)))

    @routes.post("/search/{id}/cancel", response_model=SearchStatus, summary="Cancel a search")
    async def cancel(id: str) -> JsonReply:
        search = await searches.get(id)
        await search.cancel()
        return _status(search)

    @routes.post("/search/{id}/resume", response_model=SearchStatus, summary="Resume a search from its last checkpoint")
    async def resume(id: str) -> JsonReply:
        search = await searches.get(id)
        searches.resume(search)
        return _status(search)

    @routes.post("/search/{id}/steer", response_model=SearchStatus, summary="Reply to a search that waits for a person")
    async def steer(id: str, reply: SteeringReply) -> JsonReply:
        search = await searches.get(id)
        await searches.steer(search, reply)
        return _status(search)

    return routes


def _status(search: Search) -> JsonReply:
    return JsonReply(search.details().model_dump())


async def _event_stream(search: Search, after: int) -> AsyncIterator[str]:
    async for numbered_event in search.log.subscribe(after, KEEP_ALIVE_S):
        if numbered_event is None:
            yield KEEP_ALIVE
        else:
            number, event = numbered_event
            yield format_sse(event, kind=event["type"], id=search.log.event_id(number))
