"""`its-graph api`: searches over HTTP, behind OpenAI's API and an API of their own, until Ctrl-C."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from pydantic import SecretStr

from its_graph.cli.runs.models import ModelOptions
from its_graph.contracts import Generator, Verifier
from its_graph.errors import ConfigurationError, MissingExtraError
from its_graph.routing.policy import Policy
from its_graph.serving.server_address import resolve_api_key

if TYPE_CHECKING:
    from its_graph.api.model_catalog import ServedModel

__all__ = ["api_command"]

_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_LOOPBACK_HEADERS = ("127.0.0.1", "localhost", "[::1]")
"""The same, as the `Host` header of a request has them."""


def api_command(
    models: ModelOptions,
    *,
    policy: Annotated[
        Path | None, typer.Option(help="Policy of compute_optimal: a file from `its-graph calibrate`.")
    ] = None,
    served_model_name: Annotated[
        str | None, typer.Option(help="Name of the model in requests. Default: its own name.")
    ] = None,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0 picks a free one.")] = 8100,
    api_key: Annotated[
        str | None, typer.Option(envvar="ITS_GRAPH_API_KEY", help="API key that clients must send.")
    ] = None,
    no_api_key: Annotated[
        bool, typer.Option("--no-api-key", help="Allow an address that others can reach without an API key.")
    ] = False,
    store: Annotated[
        Path | None,
        typer.Option(
            help="SQLite file that keeps searches across restarts, until `DELETE /search/{id}`. Default: memory."
        ),
    ] = None,
    cors_origin: Annotated[
        list[str] | None,
        typer.Option(metavar="ORIGIN", help="Origin of a page that may call the API from a browser. Repeatable."),
    ] = None,
    max_searches: Annotated[int, typer.Option(min=1, help="Maximum number of concurrent searches.")] = 64,
) -> None:
    """Serve searches over HTTP: OpenAI's API, an API of searches and events, and a web page. Ctrl-C stops it.

    Requests to OpenAI's API are not stored; the other searches stay in the store until they are deleted.

    Example: its-graph api --base-url http://127.0.0.1:8000/v1 --store searches.sqlite
    """
    _require_api_extra()
    if host not in _LOOPBACK and not (api_key or no_api_key):
        raise ConfigurationError(
            f"--host {host} is reachable from other machines and needs an API key. Set ITS_GRAPH_API_KEY or pass "
            "--api-key, or pass --no-api-key to run without one."
        )
    _require_store(store)
    app_options = {
        "options": {} if policy is None else {"compute_optimal": {"policy": Policy.load(policy)}},
        "api_key": api_key,
        "cors_origins": cors_origin or (),
        "allowed_hosts": _LOOPBACK_HEADERS if host in _LOOPBACK else (),
        "max_searches": max_searches,
    }
    with models.loaded() as (generator, verifier):
        name = served_model_name or _model_name(models.model, generator)
        try:
            served = {name: _served_model(generator, verifier, models.base_url)}
            asyncio.run(_serve(served, host, port, store, app_options))
        except KeyboardInterrupt:
            typer.echo("stopped")


async def _serve(
    served: "dict[str, ServedModel]", host: str, port: int, store: Path | None, app_options: dict[str, Any]
) -> None:
    from its_graph.api.app import create_app
    from its_graph.api.server import Server, listen

    server_socket = listen(host, port)
    async with _checkpointer(store) as checkpointer:
        app = create_app(served, checkpointer=checkpointer, **app_options)
        address = f"[{host}]" if ":" in host else host
        typer.echo(_usage_hint(f"http://{address}:{server_socket.getsockname()[1]}", served))
        await Server(app, server_socket).serve_until_stopped()


def _require_store(store: Path | None) -> None:
    """Check that the store can be opened and written, before any model is loaded; a new file stays empty.

    Raises:
        ConfigurationError: it cannot, or it is not a SQLite file.
    """
    if store is None:
        return
    try:
        with closing(sqlite3.connect(store)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            connection.rollback()
    except sqlite3.Error as error:
        raise ConfigurationError(
            f"--store {store} cannot be used: {error}. Give a SQLite file, or a new file in an existing folder."
        ) from error


@asynccontextmanager
async def _checkpointer(store: Path | None) -> AsyncIterator[Any]:
    """Yield the checkpointer of the store; None, for memory, without one."""
    if store is None:
        yield None
        return
    from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

    async with AsyncSqliteSaver.from_conn_string(str(store)) as saver:
        yield saver


def _served_model(generator: Generator, verifier: Verifier | None, base_url: str | None) -> "ServedModel":
    """Return what is served. With a chat server, and its client installed, requests may also call tools."""
    from its_graph.api.model_catalog import ServedModel

    if base_url is None:
        return ServedModel(generator, verifier)
    try:
        from langchain_openai import ChatOpenAI
    except ImportError:
        return ServedModel(generator, verifier)
    key = SecretStr(resolve_api_key(None) or "none")  # many servers need no key, but the client does
    chat_model = ChatOpenAI(model=_model_name(None, generator), base_url=base_url, api_key=key)
    return ServedModel(generator, verifier, chat_model)


def _model_name(model: Path | None, generator: Generator) -> str:
    """Return the name of a model unless --served-model-name gives another."""
    return getattr(generator, "model", None) or ("embedded" if model is None else model.name)


def _usage_hint(url: str, served: "dict[str, ServedModel]") -> str:
    name = next(iter(served))
    return "\n".join(
        [
            f"page:   {url}",
            f"OpenAI: {url}/v1 (model: best_of_n/{name}, beam_search/{name}, ...; full list: GET {url}/v1/models)",
            f"API:    {url}/search (schema: {url}/openapi.json)",
            "",
            "Press Ctrl-C to stop.",
        ]
    )


def _require_api_extra() -> None:
    try:
        import fastapi  # noqa: F401 - imported first, so that the error names the extra
        import prometheus_client  # noqa: F401
        import uvicorn  # noqa: F401
    except ImportError as error:
        raise MissingExtraError(error.name or "fastapi", "api") from error
