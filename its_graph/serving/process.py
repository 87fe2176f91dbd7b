"""A server as a child process: started, polled until it is healthy, and stopped together with its own children.

If a server dies while it is starting, the error includes the end of its log; polling the port alone would hang.
"""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import IO, Self
from urllib.error import URLError
from urllib.request import ProxyHandler, build_opener

from its_graph.errors import ItsGraphError

__all__ = ["ServerError", "ServerProcess", "free_port"]

_POLL_S = 0.25
_GRACE_PERIOD_S = 20.0
_TAIL_LINES = 15

# A proxy of the environment must never come between this process and its child.
_DIRECT = build_opener(ProxyHandler({}))


class ServerError(ItsGraphError, RuntimeError):
    """A server died, or did not become healthy in time."""


class ServerProcess:
    """One server.

    Args:
        name: Name of the server in messages.
        command: Program and arguments.
        health: URL that returns 200 once the server is ready.
        log: File for everything the server prints.
        environment: Environment variables in addition to those of this process.
    """

    def __init__(
        self, name: str, command: Sequence[str], *, health: str, log: Path, environment: Mapping[str, str] | None = None
    ) -> None:
        self.name, self.command, self.health, self.log = name, list(command), health, log
        self._environment = {**os.environ, **(environment or {})}
        self._process: subprocess.Popen[bytes] | None = None
        self._output: IO[bytes] | None = None

    def start(self) -> None:
        """Start the server in its own process group, so that Ctrl-C in the terminal does not reach it."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        self._output = self.log.open("wb")
        self._process = subprocess.Popen(
            self.command,
            stdin=subprocess.DEVNULL,
            stdout=self._output,
            stderr=subprocess.STDOUT,
            env=self._environment,
            start_new_session=True,
        )

    def wait_healthy(self, timeout_s: float = 600.0) -> None:
        """Return once the server is healthy.

        Raises:
            ServerError: It died, or did not become healthy within `timeout_s` seconds; the message has the end of its
                log.
        """
        deadline = time.monotonic() + timeout_s
        while not self._is_healthy():
            self.check()
            if time.monotonic() > deadline:
                raise ServerError(
                    f"{self.name} did not answer on {self.health} within {timeout_s:g} s. If it is still loading, wait "
                    f"longer (--startup-timeout).{self._log_tail()}"
                )
            time.sleep(_POLL_S)

    def check(self) -> None:
        """Raise ServerError if the server is not running."""
        status = None if self._process is None else self._process.poll()
        if self._process is None or status is not None:
            raise ServerError(f"{self.name} exited with status {status}.{self._log_tail()}")

    def stop(self) -> None:
        """End the server and its children: first SIGTERM, after a grace period SIGKILL. May be called repeatedly."""
        process, self._process = self._process, None
        if process is not None:
            self._signal(process, signal.SIGTERM)
            try:
                process.wait(_GRACE_PERIOD_S)
            except subprocess.TimeoutExpired:
                self._signal(process, signal.SIGKILL)
                process.wait()
            self._signal(process, signal.SIGKILL)  # its children may have outlived it
        if self._output is not None:
            self._output.close()

    def __enter__(self) -> Self:
        """Start the server."""
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Stop the server."""
        self.stop()

    @staticmethod
    def _signal(process: "subprocess.Popen[bytes]", number: int) -> None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)

    def _is_healthy(self) -> bool:
        try:
            with _DIRECT.open(self.health, timeout=5) as reply:
                return bool(reply.status == 200)
        except (URLError, OSError):
            return False

    def _log_tail(self) -> str:
        lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-_TAIL_LINES:]
        tail = "\n".join(f"  {line}" for line in lines) or "  (the log is empty)"
        return f" End of {self.log}:\n{tail}"


def free_port(host: str = "127.0.0.1") -> int:
    """Return a port on which no process listens at this moment."""
    with socket.socket() as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])
