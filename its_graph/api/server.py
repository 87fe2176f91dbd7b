"""Runs an application with uvicorn, and ends its searches before it waits for its connections."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn
from fastapi import FastAPI

from its_graph.errors import ConfigurationError

__all__ = ["Server", "listen", "serving"]

_LEAVE_S = 5
"""Seconds that connections may take to end once their searches have."""


class Server(uvicorn.Server):
    """A server of one application on one open socket."""

    def __init__(self, app: FastAPI, listening: socket.socket) -> None:
        super().__init__(uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=_LEAVE_S))
        self._app, self._listening = app, listening

    async def run_here(self) -> None:
        """Serve in the running loop until `should_exit` is set or a signal comes."""
        await self.serve(sockets=[self._listening])

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End the searches first: streams of events stay open as long as theirs runs."""
        await self._app.state.searches.close()
        await super().shutdown(sockets)


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens; port 0 is any free one.

    Raises:
        ConfigurationError: the address cannot be had.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except OSError as error:
        raise ConfigurationError(f"Nothing can listen on {host} port {port}: {error.strerror}.") from error


@asynccontextmanager
async def serving(app: FastAPI, host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[str]:
    """Serve in the running loop for the length of a block; gives the base URL. Port 0 is any free one."""
    listening = listen(host, port)
    server = Server(app, listening)
    task = asyncio.create_task(server.run_here())
    try:
        while not server.started and not task.done():
            await asyncio.sleep(0.005)
        yield f"http://{host}:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        await task
