"""Run an untrusted Python program with as few privileges as possible.

Every program gets its own process with an empty environment, its own working folder, no input except what is passed,
and limits on time, memory, disk, processes and open files. It is killed together with every process that it started. If
the machine allows user namespaces (Linux, not always inside containers), the program also has no network, sees no other
process, and can write only to its working folder, which is in memory. `available_isolation` returns the level:

- "full": all of the above;
- "network": limits and no network; the program can write wherever the user can, and see and signal the user's
  processes;
- "limits": only the limits; the program can also reach the network.

This does NOT protect from the following: a program can READ every file that the user can read, keys and data included
(nothing reaches the network, but its output is returned to the caller). It shares the machine's kernel, so it can
escape through a kernel bug. It can keep processor and memory busy up to its limits, which apply to each process
(`memory_bytes`, `cpu_s`). It can find out which machine it runs on. Started by root, a program runs as an unprivileged
user, but if the interpreter is in root's own folders, it can read every file of the machine. Use a virtual machine for
code that may be malicious. The output of a program is data: it is never executed, evaluated or unpickled here.
"""

import json
import os
import signal
import subprocess
import sys
import warnings
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory, TemporaryFile
from typing import IO, Literal, NamedTuple, TypeAlias

from its_graph.errors import ConfigurationError, ItsGraphError

__all__ = [
    "Isolation",
    "ProgramLimits",
    "ProgramOutcome",
    "Sandbox",
    "SandboxError",
    "SandboxWarning",
    "available_isolation",
]

Isolation: TypeAlias = Literal["full", "network", "limits"]

_LEVELS: tuple[Isolation, ...] = ("full", "network", "limits")
_WORKER = Path(__file__).with_name("sandbox_worker.py")
_GRACE_S = 5.0
"""The launcher enforces the wall time; if it fails to, this process kills it after this many extra seconds."""


class SandboxError(ItsGraphError, RuntimeError):
    """A program could not be started; the cause is the machine, not the program."""


class SandboxWarning(UserWarning):
    """Programs run with less than full isolation."""


class ProgramLimits(NamedTuple):
    """Resource limits of one program."""

    wall_s: float = 10.0
    """Wall-clock time in seconds."""
    cpu_s: int = 5
    """CPU time of each process in seconds."""
    memory_bytes: int = 1 << 30
    """Address space of each process in bytes."""
    disk_bytes: int = 16 << 20
    """Size of all files together with full isolation, otherwise of each file; also the limit of the output."""
    processes: int = 16
    """Concurrent processes and threads."""


class ProgramOutcome(NamedTuple):
    """How a program ended."""

    status: int
    """Exit status; 128 + signal number if a signal killed it."""
    stdout: str
    stderr: str
    timed_out: bool
    """Whether it was killed after `wall_s`."""


class Sandbox:
    """Runs programs one at a time; thread-safe.

    Args:
        limits: limits of each program; default: `ProgramLimits()`.
        min_isolation: the lowest level of isolation to accept. Below "full" there is a warning.

    Raises:
        ConfigurationError: a limit is not positive.
    """

    def __init__(self, limits: ProgramLimits | None = None, *, min_isolation: Isolation = "limits") -> None:
        self.limits = limits or ProgramLimits()
        if min(self.limits) <= 0:
            raise ConfigurationError(f"Every limit of a sandbox must be > 0; got {limits}.")
        self._min_isolation = min_isolation

    def run(self, program: str, *, arguments: Sequence[str] = (), stdin: str = "") -> ProgramOutcome:
        """Run Python source with the current interpreter, and wait for its end.

        Raises:
            SandboxError: the program cannot be started, or the machine does not provide `min_isolation`.
        """
        level = available_isolation()
        if _LEVELS.index(level) > _LEVELS.index(self._min_isolation):
            raise SandboxError(
                f"Isolation must be at least {self._min_isolation!r}; this machine provides {level!r}. Allow "
                "unprivileged user namespaces (a container may disable them), or lower min_isolation."
            )
        if level != "full":
            warnings.warn(f"Programs run with isolation {level!r}; see its_graph.prm.code.sandbox.", SandboxWarning, 2)
        return _run(level, self.limits, program, arguments, stdin)


@cache
def available_isolation() -> Isolation:
    """Return the highest level of isolation that works on this machine, found by trial.

    Raises:
        SandboxError: not even the limits work (they require Linux).
    """
    if sys.platform != "linux":
        raise SandboxError(f"A sandbox requires Linux; this is {sys.platform}. Use a Linux machine.")
    problem = ""
    for level in _LEVELS:
        try:
            if _run(level, ProgramLimits(), "print('ok')", (), "").stdout == "ok\n":
                return level
        except SandboxError as error:
            problem = str(error)
    raise SandboxError(f"This machine cannot run a program with limits. {problem}")


def _run(level: Isolation, limits: ProgramLimits, program: str, arguments: Sequence[str], stdin: str) -> ProgramOutcome:
    with (
        TemporaryDirectory(prefix="its-graph-", ignore_cleanup_errors=True) as folder,
        TemporaryFile() as stdin_file,
        TemporaryFile() as stdout_file,
        TemporaryFile() as stderr_file,
    ):
        script = Path(folder, "program.py")
        script.write_text(program, encoding="utf-8", errors="surrogatepass")
        work = Path(folder, "work")
        work.mkdir()
        if os.getuid() == 0:  # the program will run as another user
            Path(folder).chmod(0o755)
            work.chmod(0o777)
        stdin_file.write(stdin.encode(errors="replace"))
        stdin_file.seek(0)
        command = [sys.executable, "-I", "-B", str(script), *arguments]
        plan = limits._asdict() | {"isolation": level, "work": str(work)}
        status, report = _launch(plan, command, stdin_file, stdout_file, stderr_file)
        if "ready" not in report:
            raise SandboxError(f"The program could not be started with isolation {level!r}: {report or 'no report'}")
        return ProgramOutcome(status, _text(stdout_file), _text(stderr_file), "timeout" in report)


def _launch(
    plan: dict[str, object], command: list[str], stdin: IO[bytes], stdout: IO[bytes], stderr: IO[bytes]
) -> tuple[int, list[str]]:
    """Return the exit status and the lines of the report."""
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb") as report:
        try:
            launcher = subprocess.Popen(
                [sys.executable, "-I", "-S", "-B", str(_WORKER), json.dumps(plan | {"report": writing}), *command],
                stdin=stdin,
                stdout=stdout,
                stderr=stderr,
                env={},
                cwd="/",
                start_new_session=True,
                pass_fds=(writing,),
            )
        finally:
            os.close(writing)
        try:
            status = launcher.wait(float(str(plan["wall_s"])) + _GRACE_S)
            return status, report.read().decode().splitlines()
        except subprocess.TimeoutExpired:
            return 128 + signal.SIGKILL, ["ready", "timeout"]
        finally:
            _kill(launcher)


def _kill(launcher: subprocess.Popen[bytes]) -> None:
    """Kill the launcher and its process group, if it still runs; all processes that it supervises end with it."""
    if launcher.poll() is None:
        os.killpg(launcher.pid, signal.SIGKILL)
        launcher.wait()


def _text(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode(errors="replace")
