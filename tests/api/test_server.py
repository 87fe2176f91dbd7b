"""The server's own end, and the address that cannot be had."""

import asyncio
from typing import Any

import httpx
import pytest

from its_graph.api.app import create_app
from its_graph.api.model_catalog import ServedModel
from its_graph.api.server import listen, serving
from its_graph.errors import ConfigurationError
from its_graph.testing import ToyVerifier
from tests.api.servers import GatedGenerator, begun, listening


async def test_a_server_ends_while_streams_are_open_and_tells_them(gated: GatedGenerator) -> None:
    app = create_app({"toy": ServedModel(gated, ToyVerifier())})
    async with httpx.AsyncClient(timeout=30) as http:
        async with serving(app) as url:
            http.base_url = httpx.URL(url)
            hearing = asyncio.Event()
            listener = asyncio.create_task(_last_event(http, await begun(http), hearing))
            await hearing.wait()
        assert await listener == {"type": "its.ended", "status": "cancelled", "error": None}
        with pytest.raises(httpx.ConnectError):
            await http.get("/health")
    assert gated.given_up.is_set()


async def _last_event(http: httpx.AsyncClient, id: str, hearing: asyncio.Event) -> Any:
    last = None
    async with listening(http, "GET", f"/search/{id}/events") as events:
        async for told in events:
            hearing.set()
            last = told.data
    return last


def test_an_address_that_is_taken_is_an_error_that_says_so() -> None:
    with listen("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ConfigurationError, match=f"Cannot listen on 127.0.0.1 port {port}"):
            listen("127.0.0.1", port)
