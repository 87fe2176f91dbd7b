"""The application: what is offered, what stands before it, and its end."""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from types import MappingProxyType
from typing import Any

from fastapi import FastAPI
from fastapi.middleware.cors import CORSMiddleware
from langgraph.checkpoint.base import BaseCheckpointSaver

from its_graph.api.chat import chat_routes
from its_graph.api.concurrency_limit import ConcurrencyLimit
from its_graph.api.errors import answer_errors
from its_graph.api.metrics import Metrics
from its_graph.api.middleware import BodyGuard, FailureGuard, HeaderGuard, HostGuard, KeyGuard
from its_graph.api.model_catalog import ModelCatalog, ServedModel
from its_graph.api.search_routes import search_routes
from its_graph.api.searches import SearchPool
from its_graph.api.static_files import page_routes
from its_graph.api.tools import Tools

__all__ = ["create_app"]


def create_app(
    models: Mapping[str, ServedModel],
    *,
    options: Mapping[str, Mapping[str, Any]] = MappingProxyType({}),
    api_key: str | None = None,
    checkpointer: BaseCheckpointSaver[Any] | None = None,
    max_body_bytes: int = 8 << 20,
    max_searches: int = 64,
    keep: int = 256,
    hosts: Collection[str] = (),
    cors_origins: Sequence[str] = (),
) -> FastAPI:
    """Return the application that serves searches.

    Args:
        models: what is served, by name; the first is the default.
        options: what is set of strategies, by their names, under what a request sets; rules and policies too:
            `{"compute_optimal": {"policy": policy}}`.
        api_key: what callers must know; nobody is asked unless given.
        checkpointer: where searches are kept, until they are deleted; in memory, for as long as they are remembered,
            unless given. Those behind OpenAI's API are always in memory.
        max_body_bytes: the longest request.
        max_searches: how many may run at once; one more is told to come back.
        keep: how many searches are remembered. The oldest that is over makes room, then the oldest that waits for a
            person: with a checkpointer it is found there again, without one it is cancelled.
        hosts: names by which the server may be called; any unless given.
        cors_origins: pages elsewhere that may call it from a browser.

    Raises:
        ConfigurationError: there is no model, or one of the options is none of its strategy.
    """
    menu, metrics, slots = ModelCatalog(models, options), Metrics(), ConcurrencyLimit(max_searches)
    searches = SearchPool(menu, checkpointer, slots, keep, metrics)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        yield
        await searches.close()

    # The documentation pages of FastAPI load scripts from another host; /openapi.json says the same.
    app = FastAPI(title="its_graph", lifespan=lifespan, docs_url=None, redoc_url=None)
    app.state.searches = searches
    answer_errors(app)
    chat = chat_routes(menu, searches, Tools(slots, metrics))
    for routes in (chat, search_routes(menu, searches), page_routes(metrics)):
        app.include_router(routes)
    _guard(app, api_key, max_body_bytes, hosts, cors_origins)
    return app


def _guard(
    app: FastAPI, api_key: str | None, max_body_bytes: int, hosts: Collection[str], cors_origins: Sequence[str]
) -> None:
    """Put the guards before the application; the last to be added is the first to be asked."""
    app.add_middleware(FailureGuard)
    app.add_middleware(BodyGuard, most=max_body_bytes)
    if api_key is not None:
        app.add_middleware(KeyGuard, api_key=api_key)
    if cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=list(cors_origins),
            allow_methods=["GET", "POST", "DELETE"],
            allow_headers=["*"],  # clients send some of their own: OpenAI's of JavaScript tells its version in several
            expose_headers=["Location"],
        )
    if hosts:
        app.add_middleware(HostGuard, hosts=hosts)
    app.add_middleware(HeaderGuard)
