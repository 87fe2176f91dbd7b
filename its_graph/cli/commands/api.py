"""`api_command`: searches over HTTP, with OpenAI's API in front of them, until Ctrl-C."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from pydantic import SecretStr

from its_graph.cli.options.models import BaseUrl, FamilyOption, ModelOption, Prm, PrmUrl
from its_graph.cli.runs import models
from its_graph.contracts import Generator
from its_graph.errors import ConfigurationError, MissingExtraError
from its_graph.routing.policy import Policy
from its_graph.serving.server_address import resolve_api_key

if TYPE_CHECKING:
    from its_graph.api.model_catalog import ServedModel

__all__ = ["api_command"]

_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_LOOPBACK_HOSTS = ("127.0.0.1", "localhost", "[::1]")
"""As they stand in a request."""


def api_command(
    model: ModelOption = None,
    prm: Prm = None,
    family: FamilyOption = "auto",
    base_url: BaseUrl = None,
    prm_url: PrmUrl = None,
    policy: Annotated[
        Path | None, typer.Option(help="What compute_optimal goes by: a file of `its-graph calibrate`.")
    ] = None,
    name: Annotated[str | None, typer.Option(help="What requests call the model; its own name by default.")] = None,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes any free one.")] = 8100,
    api_key: Annotated[str | None, typer.Option(envvar="ITS_GRAPH_API_KEY", help="Key that callers must know.")] = None,
    without_key: Annotated[
        bool, typer.Option("--without-key", help="Listen on an address that others reach, and ask for no key.")
    ] = False,
    store: Annotated[
        Path | None,
        typer.Option(
            help="File of SQLite that keeps searches over restarts, until `DELETE /search/{id}`; memory by default."
        ),
    ] = None,
    cors_origin: Annotated[
        list[str] | None, typer.Option(help="A page elsewhere that may call the API from a browser; repeatable.")
    ] = None,
    max_searches: Annotated[int, typer.Option(min=1, help="Searches that may run at once.")] = 64,
) -> None:
    """Serve searches over HTTP: OpenAI's API, an API of searches and their events, and a page; Ctrl-C ends it.

    Of requests to OpenAI's API nothing is stored; a search of the other stays in the store until it is deleted.

    Example: its-graph api --base-url http://127.0.0.1:8000/v1 --store searches.sqlite
    """
    _require_api()
    if host not in _LOOPBACK and not (api_key or without_key):
        raise ConfigurationError(
            f"--host {host} can be reached by others, and there is no key. Set ITS_GRAPH_API_KEY or --api-key, "
            "or say --without-key if you mean it."
        )
    _require_store(store)
    routed = {} if policy is None else {"compute_optimal": {"policy": Policy.load(policy)}}
    generator, verifier = models.models(model, prm, base_url, prm_url, family)
    try:
        served = _served(generator, verifier, base_url)
        options = {
            "options": routed,
            "api_key": api_key,
            "cors_origins": cors_origin or (),
            "allowed_hosts": _LOOPBACK_HOSTS if host in _LOOPBACK else (),
            "max_searches": max_searches,
        }
        asyncio.run(_serve({name or _name(model, generator): served}, host, port, store, options))
    except KeyboardInterrupt:
        typer.echo("stopped")
    finally:
        models.release(generator, verifier)


async def _serve(
    served: "dict[str, ServedModel]", host: str, port: int, store: Path | None, options: dict[str, Any]
) -> None:
    from its_graph.api.app import create_app
    from its_graph.api.server import Server, listen

    listening = listen(host, port)
    async with _checkpointer(store) as checkpointer:
        app = create_app(served, checkpointer=checkpointer, **options)
        typer.echo(_hint(f"http://{f'[{host}]' if ':' in host else host}:{listening.getsockname()[1]}", served))
        await Server(app, listening).serve_until_stopped()


def _require_store(store: Path | None) -> None:
    """Open the store and take the right to write, before anything waits for it; a new one stays empty.

    Raises:
        ConfigurationError: it cannot be opened or written, or is no file of SQLite.
    """
    if store is None:
        return
    try:
        with closing(sqlite3.connect(store)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            connection.rollback()
    except sqlite3.Error as error:
        raise ConfigurationError(
            f"--store {store} cannot be used: {error}. Give a file of SQLite, or a new one in a folder that is there."
        ) from error


@asynccontextmanager
async def _checkpointer(store: Path | None) -> AsyncIterator[Any]:
    """Give the checkpointer of a file; None, which is memory, without one."""
    if store is None:
        yield None
        return
    from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

    async with AsyncSqliteSaver.from_conn_string(str(store)) as saver:
        yield saver


def _served(generator: Generator, verifier: Any, base_url: str | None) -> "ServedModel":
    """Return what is served; behind a chat server tools can be called as well, if its client is installed."""
    from its_graph.api.model_catalog import ServedModel

    if base_url is None:
        return ServedModel(generator, verifier)
    try:
        from langchain_openai import ChatOpenAI
    except ImportError:
        return ServedModel(generator, verifier)
    key = SecretStr(resolve_api_key(None) or "none")  # many servers ask for none, the client always does
    return ServedModel(generator, verifier, ChatOpenAI(model=_name(None, generator), base_url=base_url, api_key=key))


def _name(model: Path | None, generator: Generator) -> str:
    """Return what a model is called unless its user says otherwise."""
    return getattr(generator, "model", None) or ("embedded" if model is None else model.name)


def _hint(url: str, served: "dict[str, ServedModel]") -> str:
    name = next(iter(served))
    return "\n".join(
        [
            f"page:   {url}",
            f"OpenAI: {url}/v1 (model: best_of_n/{name}, beam_search/{name}, ...; GET {url}/v1/models lists them)",
            f"API:    {url}/search, described by {url}/openapi.json",
            "",
            "Ctrl-C ends it.",
        ]
    )


def _require_api() -> None:
    try:
        import fastapi  # noqa: F401 - asked for first, so that the error names the extra
        import prometheus_client  # noqa: F401
        import uvicorn  # noqa: F401
    except ImportError as error:
        raise MissingExtraError(error.name or "fastapi", "api") from error
