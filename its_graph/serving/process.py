"""A server as a child process: started, waited for until it answers, and ended with everything that it started.

A server that dies while it is waited for is noticed at once, and the end of its log is told: waiting on the port alone
would hang for ever.
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
_GRACE_S = 20.0
_TOLD_LINES = 15

# A proxy of the environment must never stand between this process and its child.
_DIRECT = build_opener(ProxyHandler({}))


class ServerError(ItsGraphError, RuntimeError):
    """A server died, or did not answer in time."""


class ServerProcess:
    """One server.

    Args:
        name: what it is called in messages.
        command: program and arguments.
        health: URL that answers 200 once the server is ready.
        log: file that gets everything it prints.
        environment: variables beside those of this process.
    """

    def __init__(
        self, name: str, command: Sequence[str], *, health: str, log: Path, environment: Mapping[str, str] | None = None
    ) -> None:
        self.name, self.command, self.health, self.log = name, list(command), health, log
        self._environment = {**os.environ, **(environment or {})}
        self._process: subprocess.Popen[bytes] | None = None
        self._output: IO[bytes] | None = None

    def start(self) -> None:
        """Start it, in a process group of its own: Ctrl-C on the terminal is for the one who watches, not for it."""
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
        """Return once it answers.

        Raises:
            ServerError: it died, or did not answer within `timeout_s` seconds; the message has the end of its log.
        """
        until = time.monotonic() + timeout_s
        while not self._answers():
            self.check()
            if time.monotonic() > until:
                raise ServerError(f"{self.name} did not answer on {self.health} within {timeout_s:g} s.{self._tail()}")
            time.sleep(_POLL_S)

    def check(self) -> None:
        """Raise ServerError if it is not running."""
        status = None if self._process is None else self._process.poll()
        if self._process is None or status is not None:
            raise ServerError(f"{self.name} ended with status {status}.{self._tail()}")

    def stop(self) -> None:
        """End it and everything that it started: asked first, killed after a while. Twice is harmless."""
        process, self._process = self._process, None
        if process is not None:
            self._signal(process, signal.SIGTERM)
            try:
                process.wait(_GRACE_S)
            except subprocess.TimeoutExpired:
                self._signal(process, signal.SIGKILL)
                process.wait()
            self._signal(process, signal.SIGKILL)  # what it started may have outlived it
        if self._output is not None:
            self._output.close()

    def __enter__(self) -> Self:
        """Start it."""
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """End it."""
        self.stop()

    @staticmethod
    def _signal(process: "subprocess.Popen[bytes]", number: int) -> None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)

    def _answers(self) -> bool:
        try:
            with _DIRECT.open(self.health, timeout=5) as reply:
                return bool(reply.status == 200)
        except (URLError, OSError):
            return False

    def _tail(self) -> str:
        lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-_TOLD_LINES:]
        told = "\n".join(f"  {line}" for line in lines) or "  (nothing was printed)"
        return f" The end of {self.log}:\n{told}"


def free_port(host: str = "127.0.0.1") -> int:
    """Return a port that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])
