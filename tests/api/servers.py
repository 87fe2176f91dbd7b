"""Servers over real sockets in the test's event loop, with toy models; and helpers to read their events."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import httpx
from openai import AsyncOpenAI

from its_graph.api.app import create_app
from its_graph.api.model_catalog import ServedModel
from its_graph.api.server import serving
from its_graph.contracts import SampleRequest
from its_graph.testing import ToyGenerator, ToyVerifier

QUESTION = [{"role": "user", "content": "Add 3, 5, 4."}]


class Served(NamedTuple):
    """A running server and two kinds of client."""

    url: str
    http: httpx.AsyncClient
    openai: Any
    """An `AsyncOpenAI`; untyped, because its types allow neither extra fields nor invalid requests."""
    app: Any


@asynccontextmanager
async def serve(models: dict[str, ServedModel] | None = None, **options: Any) -> AsyncIterator[Served]:
    """Serve models (by default toy models) with the options of `create_app`."""
    app = create_app(models or {"toy": ServedModel(ToyGenerator(), ToyVerifier())}, **options)
    key = options.get("api_key") or "none"
    async with (
        serving(app) as url,
        httpx.AsyncClient(base_url=url, headers={"Authorization": f"Bearer {key}"}, timeout=30) as http,
        AsyncOpenAI(base_url=f"{url}/v1", api_key=key, max_retries=0) as openai,
    ):
        yield Served(url, http, openai, app)


@asynccontextmanager
async def in_process(models: dict[str, ServedModel] | None = None, **options: Any) -> AsyncIterator[httpx.AsyncClient]:
    """Call an application without a server: enough for requests that it rejects at once."""
    app = create_app(models or {"toy": ServedModel(ToyGenerator(), ToyVerifier())}, **options)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1") as http:
        yield http


class GatedGenerator(ToyGenerator):
    """Answers one batch of calls per permit."""

    def __init__(self) -> None:
        super().__init__(0.3)
        self.permits = asyncio.Semaphore(0)
        self.batch_requested = asyncio.Semaphore(0)
        self.calls_cancelled = asyncio.Event()
        self.batches = 0

    def allow_batches(self, batches: int = 1) -> None:
        for _ in range(batches):
            self.permits.release()

    async def abatch_as_completed(
        self, inputs: Sequence[SampleRequest], config: Any = None, *, return_exceptions: bool = False, **kwargs: Any
    ) -> AsyncIterator[tuple[int, Any]]:
        self.batches += 1
        self.batch_requested.release()
        try:
            await self.permits.acquire()
        except asyncio.CancelledError:
            self.calls_cancelled.set()
            raise
        async for reply in super().abatch_as_completed(inputs, config, return_exceptions=return_exceptions):
            yield reply


class ServerSentEvent(NamedTuple):
    """One server-sent event."""

    id: str | None
    kind: str | None
    data: Any


@asynccontextmanager
async def open_events(
    http: httpx.AsyncClient, method: str, path: str, **options: Any
) -> AsyncIterator[AsyncIterator[ServerSentEvent]]:
    """Open a stream of server-sent events."""
    async with http.stream(method, path, **options) as reply:
        assert reply.status_code in (200, 201), await reply.aread()
        assert reply.headers["content-type"].startswith("text/event-stream")
        yield _parse_events(reply)


async def _parse_events(reply: httpx.Response) -> AsyncIterator[ServerSentEvent]:
    fields: dict[str, str] = {}
    async for line in reply.aiter_lines():
        if line and not line.startswith(":"):
            name, _, value = line.partition(": ")
            fields[name] = value
        elif not line and fields:
            yield ServerSentEvent(fields.get("id"), fields.get("event"), _data(fields["data"]))
            fields = {}


def _data(text: str) -> Any:
    return text if text == "[DONE]" else json.loads(text)


async def read_events(http: httpx.AsyncClient, path: str, **options: Any) -> list[ServerSentEvent]:
    """Read all events to the end."""
    async with open_events(http, "GET", path, **options) as events:
        return [event async for event in events]


async def start_search(http: httpx.AsyncClient, **body: Any) -> str:
    """Start a search and return its id."""
    reply = await http.post("/search", json={"problem": "Add 3, 5, 4.", **body})
    assert reply.status_code == 201, reply.text
    return str(reply.json()["id"])


async def wait_for_status(http: httpx.AsyncClient, id: str, status: str) -> dict[str, Any]:
    """Wait until a search has this status, and return its details."""
    while (details := (await http.get(f"/search/{id}")).json())["status"] != status:
        await asyncio.sleep(0.002)
    return dict(details)
