"""One math-verify process, started at the first question and killed when it does not answer in time.

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
"""Seconds the process may take to import math-verify: much more than it needs, for machines under load."""
_PATIENCE = 4
"""Seconds by the clock for one of processor time, for a process that waits instead of working."""
_OUT_OF_PROCESSOR_TIME = 24
"""SIGXCPU, which Windows does not know."""


class MathVerifyProcess:
    """Asks math-verify; safe to use from several threads, one question at a time.

    Args:
        timeout_s: seconds of processor time for one question, after which the process is killed and a new one is
            started for the next question; half of that time ends most slow work without a restart. By the clock it may
            take four times as long: what two answers are must not depend on how busy the machine is.

    Raises:
        ConfigurationError: if `timeout_s` is not positive.
    """

    def __init__(self, *, timeout_s: float) -> None:
        if timeout_s <= 0:
            raise ConfigurationError(f"MathProcess got timeout_s={timeout_s}: expected more than 0 seconds.")
        self._timeout_s = timeout_s
        self._disown()

    def _disown(self) -> None:
        self._owner = os.getpid()
        self._lock = threading.Lock()
        self._process: subprocess.Popen[str] | None = None
        self._broken = False

    def ask(self, question: dict[str, Any]) -> dict[str, Any]:
        """Send one request of `math_verify_worker` and return its reply: `equal`, `timeout` or `error`."""
        if self._owner != os.getpid():
            # After a fork the pipe belongs to the parent; two readers would steal each other's replies.
            self._disown()
        with self._lock:
            process = self._running()
            if process is None:
                return {"error": f"the math-verify process did not start within {_START_S:.0f} s"}
            reply, expired = _exchange(process, json.dumps(question) + "\n", _PATIENCE * self._timeout_s)
            if expired or reply is None:
                self._stop()
            if reply is not None:
                return reply
            if expired or process.returncode == -_OUT_OF_PROCESSOR_TIME:
                return {"timeout": True}
            return {"error": f"math-verify ended ({process.returncode})"}

    def close(self) -> None:
        """End the process. A later question starts a new one."""
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
    # The same packages must be found as here, whatever was added to sys.path since the start. -P keeps this
    # folder, whose names may equal those of other packages, off the path of the child.
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(entry for entry in sys.path if entry)}
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
    """Write a line and read one; (reply or None, whether the time ran out and the process was killed)."""
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
        timer.join()  # from here on it is settled whether the process was killed
    return (json.loads(answer) if answer.endswith("\n") else None), expired.is_set()


def _pipe(pipe: IO[str] | None) -> IO[str]:
    assert pipe is not None, "opened with PIPE"
    return pipe


def _end(process: subprocess.Popen[str], owner: int) -> None:
    """Kill and reap; also the finalizer at exit. A forked child must leave its parent's process alone."""
    if os.getpid() != owner:
        return
    process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout):
        try:
            _pipe(pipe).close()
        except BrokenPipeError:
            continue  # unsent bytes of a question that nobody reads any more
