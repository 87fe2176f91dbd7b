"""The FastAPI application: routes, error handlers and middleware."""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from types import MappingProxyType
from typing import Any

from fastapi import FastAPI
from fastapi.middleware.cors import CORSMiddleware
from langgraph.checkpoint.base import BaseCheckpointSaver

from its_graph.api.chat_routes import chat_routes
from its_graph.api.concurrency_limit import ConcurrencyLimit
from its_graph.api.errors import install_error_handlers
from its_graph.api.metrics import Metrics
from its_graph.api.middleware import (
    AllowedHostsMiddleware,
    ApiKeyMiddleware,
    BodySizeMiddleware,
    SecurityHeadersMiddleware,
    UnexpectedErrorMiddleware,
)
from its_graph.api.model_catalog import ModelCatalog, ServedModel
from its_graph.api.search_pool import SearchPool
from its_graph.api.search_routes import search_routes
from its_graph.api.static_files import page_routes
from its_graph.api.tools import ToolCompletions

__all__ = ["create_app"]


def create_app(
    models: Mapping[str, ServedModel],
    *,
    options: Mapping[str, Mapping[str, Any]] = MappingProxyType({}),
    api_key: str | None = None,
    checkpointer: BaseCheckpointSaver[Any] | None = None,
    max_body_bytes: int = 8 << 20,
    max_searches: int = 64,
    max_retained: int = 256,
    allowed_hosts: Collection[str] = (),
    cors_origins: Sequence[str] = (),
) -> FastAPI:
    """Return the application that serves searches.

    Args:
        models: served models by name; the first is the default.
        options: server-side strategy options, by strategy name; a request's own options override them. Rules and
            policies are allowed here: `{"compute_optimal": {"policy": policy}}`.
        api_key: bearer token that clients must send; None accepts every client.
        checkpointer: stores searches until they are deleted. None keeps them in memory for as long as they are
            retained. Searches behind OpenAI's API are always in memory.
        max_body_bytes: maximum size of a request body, in bytes.
        max_searches: maximum number of concurrent searches; requests over it get status 429.
        max_retained: maximum number of searches held in memory. Over it, the oldest finished search is evicted first,
            then the oldest that waits for a person: with a checkpointer it can be loaded again, without one it is
            cancelled.
        allowed_hosts: accepted values of the `Host` header, without a port; empty accepts all.
        cors_origins: origins of other pages that may call the API from a browser.

    Returns:
        The application; `its_graph.api.server.serving` runs it.

    Raises:
        ConfigurationError: `models` is empty, or `options` names an unknown strategy or option.

    Example:
        >>> from its_graph.api.model_catalog import ServedModel
        >>> from its_graph.testing import ToyGenerator, ToyVerifier
        >>> app = create_app({"toy": ServedModel(ToyGenerator(), ToyVerifier())}, max_searches=8)
        >>> "/v1/chat/completions" in app.openapi()["paths"]
        True
    """
    catalog, metrics, limit = ModelCatalog(models, options), Metrics(), ConcurrencyLimit(max_searches)
    searches = SearchPool(catalog, checkpointer, limit, max_retained, metrics)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        yield
        await searches.close()

    # FastAPI's documentation pages load scripts from another host; /openapi.json holds the same information.
    app = FastAPI(title="its_graph", lifespan=lifespan, docs_url=None, redoc_url=None)
    app.state.searches = searches
    install_error_handlers(app)
    chat = chat_routes(catalog, searches, ToolCompletions(limit, metrics))
    for routes in (chat, search_routes(catalog, searches), page_routes(metrics)):
        app.include_router(routes)
    _add_middleware(app, api_key, max_body_bytes, allowed_hosts, cors_origins)
    return app


def _add_middleware(
    app: FastAPI, api_key: str | None, max_body_bytes: int, allowed_hosts: Collection[str], cors_origins: Sequence[str]
) -> None:
    """Add the middleware, innermost first: the last one added is the first to see a request."""
    app.add_middleware(UnexpectedErrorMiddleware)
    app.add_middleware(BodySizeMiddleware, max_bytes=max_body_bytes)
    if api_key is not None:
        app.add_middleware(ApiKeyMiddleware, api_key=api_key)
    if cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=list(cors_origins),
            allow_methods=["GET", "POST", "DELETE"],
            allow_headers=["*"],  # clients send their own: OpenAI's JavaScript client reports its version in several
            expose_headers=["Location"],
        )
    if allowed_hosts:
        app.add_middleware(AllowedHostsMiddleware, allowed_hosts=allowed_hosts)
    app.add_middleware(SecurityHeadersMiddleware)
