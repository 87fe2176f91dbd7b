"""The page, and what is asked of every server: health and metrics."""

from functools import cache

from fastapi import APIRouter
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.responses import Response

from its_graph.api.errors import ApiError
from its_graph.api.metrics import Metrics
from its_graph.api.responses import Json
from its_graph.ui.page import files

__all__ = ["page_routes"]


def page_routes(metrics: Metrics) -> APIRouter:
    """Return the routes of the page and of the server itself."""
    routes = APIRouter(tags=["server"])

    read = cache(files)  # at the first request: who only asks the API never reads them

    def file(name: str) -> Response:
        if name not in read():
            raise ApiError(404, f"There is no file {name!r} of the page in this installation.")
        content, kind = read()[name]
        return Response(content, headers={"Content-Type": kind, "Cache-Control": "no-cache"})

    @routes.get("/health", summary="Whether the server lives")
    async def health() -> Json:
        return Json({"status": "ok"})

    @routes.get("/metrics", summary="Counts for Prometheus")
    async def counted() -> Response:
        return Response(metrics.text(), headers={"Content-Type": CONTENT_TYPE_LATEST})

    @routes.get("/", include_in_schema=False)
    def index() -> Response:
        return file("index.html")

    @routes.get("/ui/{name:path}", include_in_schema=False)
    def part(name: str) -> Response:
        return file(name)

    return routes
