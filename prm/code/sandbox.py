"""Runs a Python program that nobody has read, with as little as possible around it.

Every program gets a process of its own: an empty environment, a working folder of its own, no input but what is given,
limits on time, memory, disk, processes and open files, and it is killed with everything that it started. Where the
machine allows user namespaces (Linux, not always inside containers), it also has no network, sees no other process, and
can write nowhere but in its working folder, which lives in memory. `available_isolation` says which of these hold:

- "full": all of them;
- "network": limits and no network; it can write wherever the user can, and see and signal the user's processes;
- "limits": the limits alone; it can also reach the network.

What this does NOT protect from: a program can READ every file that the user can read, keys and data included (nothing
reaches the network, but its output comes back to the caller). It shares the machine's kernel, so a bug in the kernel is
a way out. It can keep processor and memory busy up to its limits, which hold for each process (`memory_bytes`,
`cpu_s`). It can learn what machine it is on. Started by root, a program runs as a user that nobody is, but where the
interpreter lies in root's own folders it can read every file of the machine. For code that somebody may have written to
do harm use a virtual machine. What a program prints is data: it is never run, evaluated or unpickled here.
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

__all__ = ["Isolation", "ProgramLimits", "ProgramOutcome", "Sandbox", "SandboxError", "SandboxWarning", "available_isolation"]

Isolation: TypeAlias = Literal["full", "network", "limits"]

_LEVELS: tuple[Isolation, ...] = ("full", "network", "limits")
_WORKER = Path(__file__).with_name("sandbox_worker.py")
_GRACE_S = 5.0
"""The launcher keeps the wall time; only if it fails to is it killed from here, this much later."""


class SandboxError(ItsGraphError, RuntimeError):
    """A program could not be started: the machine's fault, not the program's."""


class SandboxWarning(UserWarning):
    """Programs run with less isolation than they might."""


class ProgramLimits(NamedTuple):
    """What one program may use."""

    wall_s: float = 10.0
    cpu_s: int = 5
    """Of each process."""
    memory_bytes: int = 1 << 30
    """Address space of each process."""
    disk_bytes: int = 16 << 20
    """All files together where isolation is full, else each; also the most that it can print."""
    processes: int = 16
    """Processes and threads at the same time."""


class ProgramOutcome(NamedTuple):
    """How a program ended."""

    status: int
    """Its exit status; 128 + signal where one killed it."""
    stdout: str
    stderr: str
    timed_out: bool
    """Whether it was killed because of `wall_s`."""


class Sandbox:
    """Runs programs one by one; safe to share between threads.

    Args:
        limits: what each program may use; `ProgramLimits()` unless given.
        at_least: the least isolation to accept. With less than "full" there is a warning.
    """

    def __init__(self, limits: ProgramLimits | None = None, *, at_least: Isolation = "limits") -> None:
        self.limits = limits or ProgramLimits()
        if min(self.limits) <= 0:
            raise ConfigurationError(f"Every limit of a sandbox must be above 0, given {limits}.")
        self._at_least = at_least

    def run(self, program: str, *, arguments: Sequence[str] = (), stdin: str = "") -> ProgramOutcome:
        """Run Python source with the interpreter that runs this, and wait for its end.

        Raises:
            SandboxError: it could not be started, or the machine does not give the isolation asked for.
        """
        found = available_isolation()
        if _LEVELS.index(found) > _LEVELS.index(self._at_least):
            raise SandboxError(
                f"This machine gives isolation {found!r}, and at least {self._at_least!r} was asked for. Allow "
                "unprivileged user namespaces (inside a container they may be switched off), or accept less."
            )
        if found != "full":
            warnings.warn(
                f"Programs are run with isolation {found!r}: see its_graph.prm.code.sandbox.", SandboxWarning, 2
            )
        return _run(found, self.limits, program, arguments, stdin)


@cache
def available_isolation() -> Isolation:
    """Return the best isolation that this machine gives, found by trying.

    Raises:
        SandboxError: not even the limits can be set (they need Linux).
    """
    if sys.platform != "linux":
        raise SandboxError(f"Programs can only be shut in on Linux, this is {sys.platform}. Use a Linux machine.")
    problem = ""
    for level in _LEVELS:
        try:
            if _run(level, ProgramLimits(), "print('ok')", (), "").stdout == "ok\n":
                return level
        except SandboxError as error:
            problem = str(error)
    raise SandboxError(f"No program can be run with limits on this machine. {problem}")


def _run(level: Isolation, limits: ProgramLimits, program: str, arguments: Sequence[str], stdin: str) -> ProgramOutcome:
    with (
        TemporaryDirectory(prefix="its-graph-", ignore_cleanup_errors=True) as folder,
        TemporaryFile() as given,
        TemporaryFile() as printed,
        TemporaryFile() as complained,
    ):
        script = Path(folder, "program.py")
        script.write_text(program, encoding="utf-8", errors="surrogatepass")
        work = Path(folder, "work")
        work.mkdir()
        if os.getuid() == 0:  # the program will be another user
            Path(folder).chmod(0o755)
            work.chmod(0o777)
        given.write(stdin.encode(errors="replace"))
        given.seek(0)
        command = [sys.executable, "-I", "-B", str(script), *arguments]
        plan = limits._asdict() | {"isolation": level, "work": str(work)}
        process, report = _launch(plan, command, given, printed, complained)
        if "ready" not in report:
            raise SandboxError(f"The program could not be started (isolation {level!r}): {report or 'no report'}")
        return ProgramOutcome(process, _text(printed), _text(complained), "timeout" in report)


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
    """Kill the launcher, if it still runs, and its process group; with it goes all that it watches."""
    if launcher.poll() is None:
        os.killpg(launcher.pid, signal.SIGKILL)
        launcher.wait()


def _text(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode(errors="replace")
