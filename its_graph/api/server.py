"""Runs an application with uvicorn and ends its searches before it waits for open connections."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn
from fastapi import FastAPI

from its_graph.errors import ConfigurationError

__all__ = ["Server", "listen", "serving"]

_SHUTDOWN_TIMEOUT_S = 5
"""Seconds that connections may take to close after their searches have ended."""


class Server(uvicorn.Server):
    """A server of one application on one open socket."""

    def __init__(self, app: FastAPI, server_socket: socket.socket) -> None:
        super().__init__(uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=_SHUTDOWN_TIMEOUT_S))
        self._app, self._socket = app, server_socket

    async def serve_until_stopped(self) -> None:
        """Serve in the running loop until `should_exit` is set or a signal arrives."""
        await self.serve(sockets=[self._socket])

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End the searches first: event streams stay open as long as their search runs."""
        await self._app.state.searches.close()
        await super().shutdown(sockets)


def listen(host: str, port: int) -> socket.socket:
    """Return a listening socket; port 0 picks any free port.

    Raises:
        ConfigurationError: the address is not available.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except OSError as error:
        raise ConfigurationError(f"Cannot listen on {host} port {port}: {error.strerror}.") from error


@asynccontextmanager
async def serving(app: FastAPI, host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[str]:
    """Serve in the running loop for the duration of a block; yields the base URL. Port 0 picks any free port."""
    server_socket = listen(host, port)
    server = Server(app, server_socket)
    task = asyncio.create_task(server.serve_until_stopped())
    try:
        while not server.started and not task.done():
            await asyncio.sleep(0.005)
        yield f"http://{host}:{server_socket.getsockname()[1]}"
    finally:
        server.should_exit = True
        await task
