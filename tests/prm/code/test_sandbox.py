"""Programs that try to escape. Tests that depend on the isolation run on every level that this machine provides."""

import os
import re
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from its_graph.prm.code import sandbox as module
from its_graph.prm.code.sandbox import (
    Isolation,
    ProgramLimits,
    ProgramOutcome,
    Sandbox,
    SandboxError,
    SandboxWarning,
    available_isolation,
)

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="the sandbox requires Linux"),
    pytest.mark.filterwarnings("ignore::its_graph.prm.code.sandbox.SandboxWarning"),
]

LEVELS: tuple[Isolation, ...] = ("full", "network", "limits")
TIGHT = ProgramLimits(wall_s=20, cpu_s=1, memory_bytes=256 << 20, disk_bytes=1 << 20, processes=8)


def best() -> Isolation:
    return available_isolation() if sys.platform == "linux" else "limits"


@pytest.fixture(params=LEVELS)
def level(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Isolation:
    """Each level that this machine provides, as if it provided no higher one."""
    level: Isolation = request.param
    if LEVELS.index(level) < LEVELS.index(best()):
        pytest.skip(f"this machine provides isolation {best()!r} at most")
    monkeypatch.setattr(module, "available_isolation", lambda: level)
    return level


@pytest.fixture
def shut(level: Isolation) -> Isolation:
    """Like `level`, but only levels without a network."""
    if level == "limits":
        pytest.skip("limits alone do not block the network")
    return level


@pytest.fixture
def full(level: Isolation) -> Isolation:
    if level != "full":
        pytest.skip("only full isolation guarantees this")
    return level


def run(
    program: str, limits: ProgramLimits = TIGHT, *, arguments: Sequence[str] = (), stdin: str = ""
) -> ProgramOutcome:
    return Sandbox(limits).run(program, arguments=arguments, stdin=stdin)


def processes_with(mark: str) -> list[str]:
    """Return the processes of the machine with `mark` on their command line."""
    lines = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                line = (folder / "cmdline").read_bytes().decode(errors="replace")
            except OSError:
                continue
            if mark in line:
                lines.append(line)
    return lines


# --- ordinary programs -----------------------------------------------------------------------------------------------


def test_output_status_input_and_arguments() -> None:
    program = "import sys; print(input() + sys.argv[1]); print('oops', file=sys.stderr); sys.exit(3)"
    outcome = run(program, arguments=["!"], stdin="héllo\n")
    assert outcome == ProgramOutcome(status=3, stdout="héllo!\n", stderr="oops\n", timed_out=False)


def test_a_program_has_only_its_own_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_KEY", "hunter2")
    outcome = run(
        "import os; print(sorted(os.environ), os.listdir('.')); open('a', 'w').write('x'); print(os.listdir('.'))"
    )
    assert outcome.stdout.splitlines() == ["['LANG', 'PATH'] []", "['a']"]
    assert run("import os; print(os.listdir('.'))").stdout == "[]\n"


def test_output_is_only_text() -> None:
    outcome = run("import sys; sys.stdout.buffer.write(b'\\xff__import__(\"os\")')")
    assert outcome.stdout == '�__import__("os")'


def test_a_program_may_use_processes_and_the_standard_library() -> None:
    program = (
        "import subprocess, sys; print(subprocess.run([sys.executable, '-c', 'print(5)'], capture_output=True).stdout)"
    )
    assert run(program).stdout == "b'5\\n'\n"


# --- attempts to escape ----------------------------------------------------------------------------------------------


@pytest.mark.enable_socket
def test_no_network(shut: Isolation) -> None:
    """Not even a server on this machine can be reached."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.01)
        port = server.getsockname()[1]
        outcome = run(f"import socket; socket.create_connection(('127.0.0.1', {port}), 1)")
        assert outcome.status == 1
        assert "Error" in outcome.stderr
        with pytest.raises(TimeoutError):
            server.accept()
    assert run("import socket; print([name for _, name in socket.if_nameindex()])").stdout == "['lo']\n"


def test_an_endless_loop_is_killed() -> None:
    outcome = run("while True: pass")
    assert outcome.status == 128 + 9
    assert not outcome.timed_out, "it ran out of processor time, long before the wall time"


def test_a_sleeping_program_is_killed(level: Isolation) -> None:
    outcome = run("import time; print('begun', flush=True); time.sleep(600)", TIGHT._replace(wall_s=2))
    assert outcome == ProgramOutcome(status=128 + 9, stdout="begun\n", stderr="", timed_out=True)


def test_a_program_that_ignores_signals_is_killed() -> None:
    program = "import signal, time\nfor n in (2, 15, 24, 14): signal.signal(n, signal.SIG_IGN)\ntime.sleep(600)"
    assert run(program, TIGHT._replace(wall_s=0.5)).timed_out


def test_memory_is_limited() -> None:
    outcome = run("x = bytearray(1 << 30)")
    assert outcome.status == 1
    assert "MemoryError" in outcome.stderr


def test_a_fork_bomb_is_capped(level: Isolation) -> None:
    """Every process forks as often as it can, and no process remains. (Threads of the user count if it is not root.)"""
    mark = f"bomb-{level}-{os.getpid()}"
    program = (
        "import os, sys, time\n"
        "for _ in range(12):\n"
        "    try:\n"
        "        if not os.fork(): os.write(1, b'.')\n"
        "    except OSError: time.sleep(0.01)\n"
        "time.sleep(600)\n"
    )
    outcome = run(program, TIGHT._replace(wall_s=2), arguments=[mark])
    assert outcome.status == 128 + 9
    assert 0 < outcome.stdout.count(".") <= 200, "4,095 without a cap"
    assert not processes_with(mark)


def test_processes_left_running_are_killed(level: Isolation) -> None:
    """A daemon in its own session, orphaned twice."""
    mark = f"daemon-{level}-{os.getpid()}"
    program = (
        f"import os, sys\nsleeper = [sys.executable, '-c', 'import time; time.sleep(600)', '{mark}']\n"
        "if not os.fork():\n"
        "    os.setsid()\n"
        "    if not os.fork(): os.execv(sys.executable, sleeper)\n"
        "    os._exit(0)\n"
        "os.wait(); import time; time.sleep(0.3); print('left it')"
    )
    assert run(program).stdout == "left it\n"
    assert not processes_with(mark)


def test_a_daemon_that_outlives_the_wall_time_is_killed(level: Isolation) -> None:
    mark = f"late-{level}-{os.getpid()}"
    program = (
        "import os, sys, time\n"
        "if not os.fork():\n"
        "    os.setsid()\n"
        f"    os.execv(sys.executable, [sys.executable, '-c', 'import time; time.sleep(600)', '{mark}'])\n"
        "time.sleep(600)"
    )
    assert run(program, TIGHT._replace(wall_s=1)).timed_out
    assert not processes_with(mark)


def test_files_are_limited() -> None:
    outcome = run("f = open('a', 'wb')\nfor _ in range(50): f.write(b'x' * 100_000); f.flush()")
    assert outcome.status == 1
    assert "OSError" in outcome.stderr


def test_output_is_limited() -> None:
    outcome = run("while True: print('x' * 10_000)")
    assert outcome.status != 0
    assert len(outcome.stdout) <= TIGHT.disk_bytes


def test_many_small_files_are_limited_together(full: Isolation) -> None:
    outcome = run("for n in range(100): open(str(n), 'w').write('x' * 100_000)")
    assert outcome.status == 1
    assert "No space left" in outcome.stderr


def test_nothing_can_be_written_outside(full: Isolation, tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    (tmp_path / "mine").write_text("before")
    (tmp_path / "mine").chmod(0o666)
    program = (
        "import os\n"
        f"for path in ('{tmp_path}/new', '{tmp_path}/mine', '/tmp/new', '/dev/shm/new', '../program.py'):\n"
        "    try: open(path, 'w').write('x'); print('wrote', path)\n"
        "    except OSError: pass\n"
        f"try: os.unlink('{tmp_path}/mine'); print('removed')\n"
        "except OSError: pass"
    )
    assert run(program).stdout == ""
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]
    assert (tmp_path / "mine").read_text() == "before"


def test_read_only_files_cannot_be_made_writable(full: Isolation) -> None:
    program = (
        "import ctypes\n"
        "libc = ctypes.CDLL(None, use_errno=True)\n"
        "print(libc.mount(b'none', b'/', None, 0x20 | 0x1000, None), libc.umount2(b'/proc', 2))\n"
        "print(libc.unshare(0x10000000 | 0x20000) and 0)\n"
        "print(libc.mount(b'none', b'/', None, 0x20 | 0x1000, None))"
    )
    assert run(program).stdout.splitlines()[0] == "-1 -1"
    assert run(program).stdout.splitlines()[2] == "-1"


def test_other_processes_cannot_be_seen_or_signaled(full: Isolation) -> None:
    program = (
        "import os, signal\n"
        "print(sorted(int(name) for name in os.listdir('/proc') if name.isdigit()))\n"
        f"try: os.kill({os.getpid()}, signal.SIGTERM); print('hit')\n"
        "except ProcessLookupError: print('nobody there')"
    )
    assert run(program).stdout == "[1, 2]\nnobody there\n"


def test_the_program_has_no_privileges(level: Isolation) -> None:
    """It is not root. It may read root's files if the interpreter is one of them."""
    outcome = run(
        "import os; print([line.split()[1] for line in open('/proc/self/status') if line[:6] == 'CapEff'], os.getuid())"
    )
    capabilities, user = re.fullmatch(r"\['(\w+)'\] (\d+)\n", outcome.stdout).groups()  # type: ignore[union-attr]
    assert int(capabilities, 16) in ({0, 4} if os.getuid() == 0 else {0})
    assert int(user) != 0


def test_the_report_cannot_be_forged(level: Isolation) -> None:
    """The program inherits only its input and output."""
    outcome = run("import os; print(sorted(int(fd) for fd in os.listdir('/proc/self/fd')))")
    assert outcome.stdout in ("[0, 1, 2, 3]\n",), "3 is the folder being listed"


# --- what the caller sees --------------------------------------------------------------------------------------------


def test_less_than_full_isolation_gives_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "available_isolation", lambda: "limits")
    with pytest.warns(SandboxWarning, match="'limits'"):
        assert Sandbox().run("print(1)").stdout == "1\n"
    with pytest.raises(SandboxError, match="at least 'network'"):
        Sandbox(min_isolation="network").run("print(1)")


def test_the_highest_level_is_found_by_trial(monkeypatch: pytest.MonkeyPatch) -> None:
    tried = []

    def only_limits(level: Isolation, *arguments: object) -> ProgramOutcome:
        tried.append(level)
        if level != "limits":
            raise SandboxError("not here")
        return ProgramOutcome(0, "ok\n", "", timed_out=False)

    monkeypatch.setattr(module, "_run", only_limits)
    assert available_isolation.__wrapped__() == "limits"
    assert tried == ["full", "network", "limits"]


def test_other_systems_are_rejected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    with pytest.raises(SandboxError, match="requires Linux"):
        available_isolation.__wrapped__()


def test_a_launcher_that_fails_is_an_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An error of the machine is not the outcome of the program."""
    broken = tmp_path / "worker.py"
    broken.write_text("raise SystemExit(1)")
    monkeypatch.setattr(module, "_WORKER", broken)
    with pytest.raises(SandboxError, match="could not be started"):
        module._run("limits", TIGHT, "print(1)", (), "")


def test_a_launcher_that_hangs_is_killed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    mark = f"hanging-{os.getpid()}"
    hanging = tmp_path / f"{mark}.py"
    hanging.write_text("import time; time.sleep(600)")
    monkeypatch.setattr(module, "_WORKER", hanging)
    monkeypatch.setattr(module, "_GRACE_S", 0.1)
    assert module._run("limits", TIGHT._replace(wall_s=0.2), "print(1)", (), "").timed_out
    assert not processes_with(mark)


def test_programs_run_concurrently() -> None:
    began, outcomes = time.monotonic(), []
    threads = [
        threading.Thread(target=lambda: outcomes.append(run("import time; time.sleep(0.5); print(1)", ProgramLimits())))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [outcome.stdout for outcome in outcomes] == ["1\n"] * 4
    assert time.monotonic() - began > 0.5


def test_no_folder_remains(level: Isolation, monkeypatch: pytest.MonkeyPatch) -> None:
    folders: list[Path] = []

    def recorded(*arguments: Any, **options: Any) -> str:
        folders.append(Path(make(*arguments, **options)))
        return str(folders[-1])

    make = tempfile.mkdtemp
    monkeypatch.setattr(tempfile, "mkdtemp", recorded)
    run("import os; os.mkdir('d'); open('d/f', 'w').close(); os.chmod('d', 0)")
    assert [folder.name.startswith("its-graph-") for folder in folders] == [True]
    assert not folders[0].exists()


@pytest.mark.parametrize("limit", ProgramLimits._fields)
def test_limits_must_be_positive(limit: str) -> None:
    with pytest.raises(ValueError, match="must be > 0"):
        Sandbox(ProgramLimits()._replace(**{limit: 0}))
