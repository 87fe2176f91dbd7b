"""The search API: begin a search, watch it, steer it, end it, take it up again, delete it."""

from collections.abc import AsyncIterator

from fastapi import APIRouter, Header, Response

from its_graph.api.model_catalog import ModelCatalog
from its_graph.api.responses import KEEP_ALIVE, KEEP_ALIVE_S, EventStream, JsonReply, format_sse
from its_graph.api.schemas import SearchRequest, SearchStatus, SteeringReply
from its_graph.api.search import Search
from its_graph.api.search_pool import SearchPool

__all__ = ["search_routes"]


def search_routes(menu: ModelCatalog, searches: SearchPool) -> APIRouter:
    """Return the routes of the search API."""
    routes = APIRouter(tags=["search"])

    @routes.get("/catalog", summary="Models, strategies and their options")
    def catalog() -> JsonReply:
        return JsonReply(menu.catalog())

    @routes.post("/search", status_code=201, response_model=SearchStatus, summary="Begin a search")
    async def begin(request: SearchRequest) -> Response:
        search = await searches.begin(request)
        where = {"Location": f"/search/{search.id}"}
        if request.stream:
            return EventStream(_told(search, -1), headers=where)
        return JsonReply(search.full().model_dump(), 201, headers=where)

    @routes.get("/search", summary="All searches that are remembered, newest first")
    async def listed() -> JsonReply:
        leave_out = {"result", "human_request"}
        return JsonReply({"searches": [one.model_dump(exclude=leave_out) for one in await searches.newest_first()]})

    @routes.get("/search/{id}", response_model=SearchStatus, summary="Where a search stands")
    async def status(id: str) -> JsonReply:
        return _standing(await searches.find(id))

    @routes.delete("/search/{id}", status_code=204, summary="End a search and delete all that is kept of it")
    async def delete(id: str) -> Response:
        await searches.delete(id)
        return Response(status_code=204)

    @routes.get("/search/{id}/events", summary="What a search told and tells, as server-sent events")
    async def events(id: str, last_event_id: str = Header(default="")) -> EventStream:
        search = await searches.find(id)
        return EventStream(_told(search, search.log.number_of(last_event_id)))

    @routes.post("/search/{id}/cancel", response_model=SearchStatus, summary="End a search")
    async def cancel(id: str) -> JsonReply:
        search = await searches.find(id)
        await search.cancel()
        return _standing(search)

    @routes.post("/search/{id}/resume", response_model=SearchStatus, summary="Go on from the last checkpoint")
    async def resume(id: str) -> JsonReply:
        search = await searches.find(id)
        searches.resume(search)
        return _standing(search)

    @routes.post("/search/{id}/steer", response_model=SearchStatus, summary="Answer a search that waits")
    async def steer(id: str, reply: SteeringReply) -> JsonReply:
        search = await searches.find(id)
        await searches.steer(search, reply)
        return _standing(search)

    return routes


def _standing(search: Search) -> JsonReply:
    return JsonReply(search.full().model_dump())


async def _told(search: Search, after: int) -> AsyncIterator[str]:
    async for told in search.log.listen(after, KEEP_ALIVE_S):
        yield KEEP_ALIVE if told is None else format_sse(told[1], kind=told[1]["type"], id=search.log.id_of(told[0]))
