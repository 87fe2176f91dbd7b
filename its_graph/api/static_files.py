"""Routes of the page's files and of the server itself: health and metrics."""

from functools import cache

from fastapi import APIRouter
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.responses import Response

from its_graph.api.errors import ApiError
from its_graph.api.metrics import Metrics
from its_graph.api.responses import JsonReply
from its_graph.ui.page import page_files

__all__ = ["page_routes"]


def page_routes(metrics: Metrics) -> APIRouter:
    """Return the routes of the page and of the server itself."""
    routes = APIRouter(tags=["server"])

    read_files = cache(page_files)  # at the first request: clients that use only the API never need them

    def file_response(name: str) -> Response:
        if name not in read_files():
            raise ApiError(404, f"This installation has no page file {name!r}.")
        content, content_type = read_files()[name]
        return Response(content, headers={"Content-Type": content_type, "Cache-Control": "no-cache"})

    @routes.get("/health", summary="Liveness probe")
    async def health() -> JsonReply:
        return JsonReply({"status": "ok"})

    @routes.get("/metrics", summary="Prometheus metrics")
    async def prometheus_metrics() -> Response:
        return Response(metrics.text(), headers={"Content-Type": CONTENT_TYPE_LATEST})

    @routes.get("/", include_in_schema=False)
    def index() -> Response:
        return file_response("index.html")

    @routes.get("/ui/{name:path}", include_in_schema=False)
    def page_file(name: str) -> Response:
        return file_response(name)

    return routes
