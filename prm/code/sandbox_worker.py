"""The process that isolates itself and then becomes the untrusted program; only `its_graph.prm.code.sandbox` starts it.

    launcher (waits, kills remaining processes) -> init (first process of a new process namespace) -> program

There is an init only with isolation "full", for which the machine must allow all new namespaces. With "network" the
program has no network, and with "limits" it only has limits; the launcher then kills the processes it leaves running.

The arguments are the plan as a JSON object (written by `Sandbox`) and the command of the program. Events are lines on
the report pipe: `ready` just before the program starts, `timeout`, or an error. This file imports nothing from
its_graph: that keeps the start fast, and lets it run under `python -I -S`.
"""

import contextlib
import ctypes
import json
import os
import resource
import signal
import struct
import sys
import time
from typing import Any

__all__ = ["run_sandboxed_program"]

_NEW_USER, _NEW_MOUNTS, _NEW_HOSTNAME, _NEW_IPC = 0x10000000, 0x00020000, 0x04000000, 0x08000000
_NEW_PROCESSES, _NEW_NETWORK = 0x20000000, 0x40000000
_PR_SET_PDEATHSIG, _PR_SET_KEEPCAPS, _PR_SET_CHILD_SUBREAPER, _PR_SET_NO_NEW_PRIVS = 1, 8, 36, 38
_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE = 47, 2
_CAPABILITIES_V3, _CAP_DAC_READ_SEARCH = 0x20080522, 2
_MS_NOSUID, _MS_NODEV, _MS_NOEXEC, _MS_REC, _MS_PRIVATE = 2, 4, 8, 0x4000, 0x40000
_MOUNT_SETATTR, _AT_FDCWD, _AT_RECURSIVE, _ATTR_READ_ONLY = 442, -100, 0x8000, 1
_FILES = 4096
_FIRST_USER, _USERS = 61184, 4336
"""The range of user ids that systemd assigns to services dynamically."""
_POLL_S = 0.01
"""Seconds between checks for the end of the program."""

_libc = ctypes.CDLL(None, use_errno=True)


def run_sandboxed_program() -> None:
    """Run the program of the command line and exit with its status (128 + signal number if a signal killed it)."""
    plan, command = json.loads(sys.argv[1]), sys.argv[2:]
    plan["user"] = _FIRST_USER + os.getpid() % _USERS if os.getuid() == 0 else os.getuid()
    _call("prctl", _PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    _call("prctl", _PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    _call("prctl", _PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    try:
        if plan["isolation"] != "limits":
            _new_namespaces(plan["isolation"])
        child = _start(plan, command)
    except OSError as error:
        _report(plan, f"{type(error).__name__}: {error}")
        os._exit(1)
    os._exit(_wait(plan, child))


def _new_namespaces(isolation: str) -> None:
    """Leave the machine's network, and with "full" its processes and mounts.

    Users other than root need a user namespace for that, and keep their user id in it: starting the program then drops
    the capabilities that the namespace grants.
    """
    everything = _NEW_MOUNTS | _NEW_PROCESSES if isolation == "full" else 0
    user, group = os.getuid(), os.getgid()
    _call("unshare", _NEW_NETWORK | _NEW_HOSTNAME | _NEW_IPC | everything | (_NEW_USER if user else 0))
    if user:
        for name, text in (("setgroups", "deny"), ("uid_map", f"{user} {user} 1"), ("gid_map", f"{group} {group} 1")):
            with open(f"/proc/self/{name}", "w") as file:
                file.write(text)


def _start(plan: dict[str, Any], command: list[str]) -> int:
    child = os.fork()
    if child:
        return child
    try:
        _call("prctl", _PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if plan["isolation"] == "full":
            _restrict_files(plan)
            _become_init(plan, command)
        _become_program(plan, command)
    except (OSError, ValueError) as error:
        _report(plan, f"{type(error).__name__}: {error}")
    os._exit(1)


def _restrict_files(plan: dict[str, Any]) -> None:
    """Make all files read-only except those in a working folder in memory; show only the program's processes."""
    work = plan["work"].encode()
    _call("mount", b"none", b"/", None, _MS_REC | _MS_PRIVATE, None)
    size = f"size={plan['disk_bytes']},nr_inodes={_FILES},mode=0777".encode()
    _call("mount", b"tmpfs", work, b"tmpfs", _MS_NOSUID | _MS_NODEV, size)
    _call("mount", b"proc", b"/proc", b"proc", _MS_NOSUID | _MS_NODEV | _MS_NOEXEC, None)
    _call("syscall", _MOUNT_SETATTR, _AT_FDCWD, b"/", _AT_RECURSIVE, struct.pack("4Q", _ATTR_READ_ONLY, 0, 0, 0), 32)
    _call("syscall", _MOUNT_SETATTR, _AT_FDCWD, work, 0, struct.pack("4Q", 0, _ATTR_READ_ONLY, 0, 0), 32)


def _become_init(plan: dict[str, Any], command: list[str]) -> None:
    """Start the program and wait for its end. When init ends, the kernel kills every process of the namespace."""
    program = os.fork()
    if not program:
        _become_program(plan, command)
    os.close(plan["report"])
    while True:
        ended, status = os.wait()
        if ended == program:
            os._exit(_exit_code(status))


def _become_program(plan: dict[str, Any], command: list[str]) -> None:
    os.chdir(plan["work"])
    if os.getuid() == 0:
        _drop_root(plan["user"], command)
    _call("prctl", _PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)  # a change of user clears it
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_CPU, plan["cpu_s"])
    _limit(resource.RLIMIT_AS, plan["memory_bytes"])
    _limit(resource.RLIMIT_FSIZE, plan["disk_bytes"])
    _limit(resource.RLIMIT_NOFILE, 64)
    _limit(resource.RLIMIT_NPROC, plan["processes"] + _running())
    os.set_inheritable(plan["report"], False)
    _report(plan, "ready")
    os.execve(command[0], command, {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"})


def _drop_root(user: int, command: list[str]) -> None:
    """Become an unused user id: RLIMIT_NPROC does not apply to root, and root can write its own files.

    An interpreter in root's own folders can then be read only with a capability. That capability is kept if it is
    needed, and no other.
    """
    _call("prctl", _PR_SET_KEEPCAPS, 1, 0, 0, 0)
    os.setgroups([])
    os.setresgid(user, user, user)
    os.setresuid(user, user, user)
    readable = os.access(command[0], os.X_OK) and os.access(os.__file__, os.R_OK)
    capabilities = 0 if readable else 1 << _CAP_DAC_READ_SEARCH
    _call("capset", struct.pack("2I", _CAPABILITIES_V3, 0), struct.pack("6I", *[capabilities] * 3, 0, 0, 0))
    if capabilities:
        _call("prctl", _PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE, _CAP_DAC_READ_SEARCH, 0, 0)


def _limit(kind: int, value: int) -> None:
    hard = resource.getrlimit(kind)[1]
    value = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(kind, (value, value))


def _wait(plan: dict[str, Any], child: int) -> int:
    """Wait for `child`, at most the wall time, then kill the remaining processes."""
    latest = time.monotonic() + plan["wall_s"]
    status = int(signal.SIGKILL)
    while True:
        ended, ending = os.waitpid(-1, os.WNOHANG)
        if ended == child:
            status = ending
            break
        if time.monotonic() >= latest:
            _report(plan, "timeout")
            break
        if not ended:
            time.sleep(_POLL_S)
    _sweep()
    return _exit_code(status)


def _sweep() -> None:
    """Kill all descendants; those whose parent has ended are now children of this process."""
    while descendants := _descendants():
        for number in (signal.SIGSTOP, signal.SIGKILL):  # a stopped process cannot fork
            for pid in descendants:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, number)
        while _reap():
            pass


def _reap() -> bool:
    try:
        return os.waitpid(-1, os.WNOHANG)[0] != 0
    except ChildProcessError:
        return False


def _descendants() -> list[int]:
    parents = {pid: int(fields[1]) for pid, fields in _processes() if fields[0] not in "ZX"}
    descendants, own = [], os.getpid()
    for pid in parents:
        ancestor, depth = parents[pid], 0
        while ancestor in parents and ancestor != own and depth < len(parents):
            ancestor, depth = parents[ancestor], depth + 1
        if ancestor == own and pid != own:
            descendants.append(pid)
    return descendants


def _running() -> int:
    """Return the number of threads of this user, which count against RLIMIT_NPROC."""
    return sum(int(fields[17]) for pid, fields in _processes() if _owner(pid) == os.getuid())


def _processes() -> list[tuple[int, list[str]]]:
    """Return the fields of /proc/PID/stat after the name: state, parent, ..."""
    processes = []
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open(f"/proc/{name}/stat", encoding="utf-8", errors="replace") as file:
                    processes.append((int(name), file.read().rpartition(")")[2].split()))
            except OSError:  # the process has ended
                continue
    return processes


def _owner(pid: int) -> int | None:
    try:
        return os.stat(f"/proc/{pid}").st_uid
    except OSError:
        return None


def _exit_code(status: int) -> int:
    code = os.waitstatus_to_exitcode(status)
    return 128 - code if code < 0 else code


def _report(plan: dict[str, Any], word: str) -> None:
    os.write(plan["report"], word.encode() + b"\n")


def _call(name: str, *arguments: Any) -> None:
    if getattr(_libc, name)(*arguments) < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")


if __name__ == "__main__":
    run_sandboxed_program()
