"""Shutdown of the server, and addresses in use."""

import asyncio
from typing import Any

import httpx
import pytest

from its_graph.api.app import create_app
from its_graph.api.model_catalog import ServedModel
from its_graph.api.server import listen, serving
from its_graph.errors import ConfigurationError
from its_graph.testing import ToyVerifier
from tests.api.servers import GatedGenerator, open_events, start_search


async def test_shutdown_ends_open_streams(gated: GatedGenerator) -> None:
    app = create_app({"toy": ServedModel(gated, ToyVerifier())})
    async with httpx.AsyncClient(timeout=30) as http:
        async with serving(app) as url:
            http.base_url = httpx.URL(url)
            subscribed = asyncio.Event()
            listener = asyncio.create_task(_last_event(http, await start_search(http), subscribed))
            await subscribed.wait()
        assert await listener == {"type": "its.ended", "status": "cancelled", "error": None}
        with pytest.raises(httpx.ConnectError):
            await http.get("/health")
    assert gated.calls_cancelled.is_set()


async def _last_event(http: httpx.AsyncClient, id: str, subscribed: asyncio.Event) -> Any:
    last = None
    async with open_events(http, "GET", f"/search/{id}/events") as events:
        async for event in events:
            subscribed.set()
            last = event.data
    return last


def test_an_address_in_use_is_an_error() -> None:
    with listen("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ConfigurationError, match=f"Cannot listen on 127.0.0.1 port {port}"):
            listen("127.0.0.1", port)
