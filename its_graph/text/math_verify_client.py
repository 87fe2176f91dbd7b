"""One math-verify process, started at the first request and killed if it does not answer in time.

It is a plain subprocess that runs `math_verify_worker.py` by path, not a multiprocessing child: a script without an
`if __name__ == "__main__"` guard stays usable, and the parent's modules are not imported again.
"""

import json
import os
import subprocess
import sys
import threading
import weakref
from pathlib import Path
from typing import IO, Any

from its_graph.errors import ConfigurationError

__all__ = ["MathVerifyProcess"]

_WORKER = Path(__file__).with_name("math_verify_worker.py")
_START_S = 60.0
"""Seconds that the process may take to import math-verify: far more than it needs, for machines under load."""
_PATIENCE = 4
"""Wall-clock seconds allowed per second of CPU time, for a process that waits instead of working."""
_SIGXCPU = 24
"""SIGXCPU, which Windows does not define."""


class MathVerifyProcess:
    """Sends requests to math-verify, one at a time; safe to use from several threads.

    Args:
        timeout_s: seconds of CPU time for one request, after which the process is killed and a new one is started for
            the next request; after half of that time, most slow work ends without a restart. The wall-clock limit is
            four times as long: whether two answers are equal must not depend on how busy the machine is.

    Raises:
        ConfigurationError: if `timeout_s` is not positive.
    """

    def __init__(self, *, timeout_s: float) -> None:
        if timeout_s <= 0:
            raise ConfigurationError(f"timeout_s must be positive; got {timeout_s}.")
        self._timeout_s = timeout_s
        self._reset()

    def _reset(self) -> None:
        self._owner = os.getpid()
        self._lock = threading.Lock()
        self._process: subprocess.Popen[str] | None = None
        self._broken = False

    def ask(self, request: dict[str, Any]) -> dict[str, Any]:
        """Send one request of `math_verify_worker` and return its reply: `equal`, `timeout` or `error`."""
        if self._owner != os.getpid():
            # After a fork the pipe belongs to the parent: two readers would take each other's replies.
            self._reset()
        with self._lock:
            process = self._running()
            if process is None:
                return {"error": f"the math-verify process did not start within {_START_S:.0f} s"}
            reply, expired = _exchange(process, json.dumps(request) + "\n", _PATIENCE * self._timeout_s)
            if expired or reply is None:
                self._stop()
            if reply is not None:
                return reply
            if expired or process.returncode == -_SIGXCPU:
                return {"timeout": True}
            return {"error": f"math-verify ended ({process.returncode})"}

    def close(self) -> None:
        """End the process. A later request starts a new one."""
        with self._lock:
            self._stop()

    def _running(self) -> subprocess.Popen[str] | None:
        if self._process is None and not self._broken:
            self._process = _start(self._timeout_s)
            weakref.finalize(self, _end, self._process, self._owner)
            greeting, _ = _exchange(self._process, "", _START_S)
            if greeting is None:
                self._broken = True
                self._stop()
        return self._process

    def _stop(self) -> None:
        if self._process is not None:
            _end(self._process, self._owner)
            self._process = None


def _start(timeout_s: float) -> subprocess.Popen[str]:
    # The child must find the same packages, whatever was added to sys.path since the start. -P keeps this folder, whose
    # names may equal those of other packages, off the path of the child.
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    return subprocess.Popen(
        [sys.executable, "-P", str(_WORKER), str(timeout_s)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        encoding="utf-8",
        env=environment,
    )


def _exchange(process: subprocess.Popen[str], line: str, timeout_s: float) -> tuple[dict[str, Any] | None, bool]:
    """Write a line and read one; return (reply or None, whether the process timed out and was killed)."""
    expired = threading.Event()

    def expire() -> None:
        expired.set()
        process.kill()

    timer = threading.Timer(timeout_s, expire)
    timer.daemon = True
    timer.start()
    try:
        _pipe(process.stdin).write(line)
        _pipe(process.stdin).flush()
        answer = _pipe(process.stdout).readline()
    except BrokenPipeError:
        answer = ""
    finally:
        timer.cancel()
        timer.join()  # from here on, whether the process was killed cannot change
    return (json.loads(answer) if answer.endswith("\n") else None), expired.is_set()


def _pipe(pipe: IO[str] | None) -> IO[str]:
    assert pipe is not None, "opened with PIPE"
    return pipe


def _end(process: subprocess.Popen[str], owner: int) -> None:
    """Kill and reap the process; also the finalizer at exit. A forked child must not touch its parent's process."""
    if os.getpid() != owner:
        return
    process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout):
        try:
            _pipe(pipe).close()
        except BrokenPipeError:
            continue  # unsent bytes of a request that nobody reads any more
