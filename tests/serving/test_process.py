"""Servers as child processes: polled until healthy, checked for exit, stopped with their children."""

import os
import sys
import time
from pathlib import Path
from urllib.request import ProxyHandler, build_opener

import pytest

from its_graph.serving.process import ServerError, ServerProcess, free_port

SERVER = """
import http.server, os, subprocess, sys
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
open(sys.argv[2], "w").write(f"{child.pid} {os.environ.get('PASSED')}")
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.end_headers(); self.wfile.write(b"fine")
print("listening", flush=True)
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""


def server(tmp_path: Path, program: str = SERVER) -> ServerProcess:
    port = free_port()
    return ServerProcess(
        "toy",
        [sys.executable, "-c", program, str(port), str(tmp_path / "child")],
        health=f"http://127.0.0.1:{port}/health",
        log=tmp_path / "logs" / "toy.log",
        environment={"PASSED": "yes"},
    )


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return "Z (zombie)" not in Path(f"/proc/{pid}/status").read_text()


def test_a_server_stops_together_with_its_children(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    with server(tmp_path) as toy:
        toy.wait_healthy(60)
        toy.check()
        with build_opener(ProxyHandler({})).open(toy.health) as reply:
            assert reply.read() == b"fine"
        pid, passed = (tmp_path / "child").read_text().split()
        assert passed == "yes"
        assert is_alive(int(pid))
    for _ in range(100):
        if not is_alive(int(pid)):
            break
        time.sleep(0.05)
    assert not is_alive(int(pid))
    assert "listening" in (tmp_path / "logs" / "toy.log").read_text()
    toy.stop()


def test_a_server_that_dies_raises_with_the_end_of_its_log(tmp_path: Path) -> None:
    with (
        server(tmp_path, "import sys; print('no such model'); sys.exit(3)") as toy,
        pytest.raises(ServerError, match=r"(?s)toy exited with status 3\..*no such model"),
    ):
        toy.wait_healthy(60)


def test_a_server_that_never_answers_times_out(tmp_path: Path) -> None:
    with (
        server(tmp_path, "import time; time.sleep(600)") as toy,
        pytest.raises(ServerError, match=r"did not answer on http://127\.0\.0\.1:\d+/health within 0\.1 s"),
    ):
        toy.wait_healthy(0.1)
