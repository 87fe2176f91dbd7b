"""`its-graph serve` with fake servers: what is started, printed, supervised and stopped."""

import os
import signal
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from its_graph.cli import main
from its_graph.cli.commands import serve as serving
from its_graph.serving.process import free_port

SERVER = """
import http.server, sys, time
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.end_headers()
    def log_message(self, *args): pass
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Replace every vLLM with a small server; return the commands that would have been run."""
    commands: list[list[str]] = []

    def plain(command: Callable[..., list[str]]) -> Callable[..., list[str]]:
        def make(model: str, address: Any, **options: Any) -> list[str]:
            commands.append(command(model, address, **options))
            return [sys.executable, "-c", SERVER if model != "broken" else "print('boom')", str(address.port)]

        return make

    for name in ("generator_command", "reward_command"):
        monkeypatch.setattr(serving, name, plain(getattr(serving, name)))
    monkeypatch.setattr(serving, "find_spec", lambda name: object())
    return commands


def run(*arguments: object) -> int:
    return main.run(["serve", *map(str, arguments)])


def test_both_are_served_and_stopped(
    started: list[list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from its_graph.embedded import WEIGHTS

    port = free_port()
    monkeypatch.setattr(serving, "sleep", _interrupt_after(3))
    arguments = ["--model", WEIGHTS / "generator", "--prm", WEIGHTS / "verifier", "--cpu", "--port", port]
    assert run(*arguments, "--log-dir", tmp_path / "logs", "--api-key", "secret") == 0
    out = capsys.readouterr().out
    assert "export ITS_GRAPH_SERVER_KEY=..." in out
    assert "secret" not in out
    assert f"generator: http://127.0.0.1:{port}/v1" in out
    assert f"--base-url http://127.0.0.1:{port}/v1 --prm-url http://127.0.0.1:{port + 1}" in out
    assert out.rstrip().endswith("stopping")
    assert (tmp_path / "logs" / "generator.log").exists()
    assert (tmp_path / "logs" / "reward-model.log").exists()
    assert "--runner" not in started[1]  # the embedded verifier is read by the log-probabilities of its prompt


def _interrupt_after(naps: int) -> Callable[[float], None]:
    left = iter(range(naps))

    def sleep(seconds: float) -> None:
        if next(left, None) is None:
            raise KeyboardInterrupt

    return sleep


def test_a_server_that_exits_stops_the_other_and_the_error_says_why(
    started: list[list[str]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("--model", "broken", "--cpu", "--port", free_port(), "--log-dir", tmp_path) == 2
    captured = capsys.readouterr()
    assert "stopping: a server exited" in captured.out
    assert "generator exited with status 0" in captured.err
    assert "boom" in captured.err


def test_a_kill_stops_the_servers_as_well(
    started: list[list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[int] = []

    def sleep(seconds: float) -> None:
        looks.append(os.getpid())
        signal.raise_signal(signal.SIGTERM)

    monkeypatch.setattr(serving, "sleep", sleep)
    before = signal.getsignal(signal.SIGTERM)
    port = free_port()
    assert run("--model", "m", "--cpu", "--port", port, "--log-dir", tmp_path) == 0
    assert len(looks) == 1
    assert signal.getsignal(signal.SIGTERM) == before
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0


def test_without_vllm_the_extra_is_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(serving, "find_spec", lambda name: None)
    assert run("--model", "m") == 2
    assert "its-graph[vllm]" in capsys.readouterr().err


def test_a_gpu_that_is_too_small_is_reported_before_anything_starts(
    started: list[list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with (tmp_path / "model.safetensors").open("wb") as file:
        file.truncate(9 << 30)
    monkeypatch.setattr(serving, "gpu_bytes", lambda: 8 << 30)
    assert run("--model", tmp_path) == 2
    assert "The GPU is too small for the generator: it has 8.0 GiB" in capsys.readouterr().err
    assert started == []
