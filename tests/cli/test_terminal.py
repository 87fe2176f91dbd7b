"""The real command in its own process: on a terminal, interrupted, and with its output closed."""

import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

# A generator that blocks once `quick` samples are drawn and shown, so that the signal arrives during a call.
SCRIPT = """
import itertools, signal, sys, threading, time
from its_graph.cli import main
from its_graph.cli.display import live
from its_graph.cli.runs.models import ModelOptions
from its_graph.testing import ToyGenerator, ToyVerifier

signal.signal(signal.SIGINT, signal.default_int_handler)  # a parent may have it ignored
drawn = itertools.count()
quick = {quick}
seen = threading.Semaphore(0)
add = live.SearchView.add

def noted(view, event):
    add(view, event)
    if event["type"] == "its.step_added":
        seen.release()

class Slow(ToyGenerator):
    def invoke(self, request, config=None, **more):
        if next(drawn) >= quick:
            for _ in range(quick):
                seen.acquire()
            print("waiting", file=sys.stderr, flush=True)
            time.sleep(300)
        return super().invoke(request)

live.SearchView.add = noted
ModelOptions.load = lambda options: (Slow(), ToyVerifier())
main.main()
"""
PROBLEM = "Add 3, 5, 4, 7."

Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start the command with SCRIPT; processes still running at the end are killed."""
    running: list[subprocess.Popen[str]] = []

    def start(quick: int, *arguments: str, **streams: Any) -> subprocess.Popen[str]:
        path = tmp_path / "slow.py"
        path.write_text(SCRIPT.format(quick=quick))
        options: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True} | streams
        process = subprocess.Popen([sys.executable, str(path), *arguments], **options)
        running.append(process)
        return process

    yield start
    for process in running:
        process.kill()
        process.communicate()


def interrupted(process: subprocess.Popen[str]) -> tuple[str, str]:
    assert process.stderr is not None
    assert process.stderr.readline() == "waiting\n"
    began = time.monotonic()
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=20)
    assert time.monotonic() - began < 10
    assert process.returncode == 130
    assert "Traceback" not in err
    return out, err


def test_ctrl_c_prints_the_best_answer_so_far(start: Start) -> None:
    out, err = interrupted(start(6, "solve", PROBLEM, "--n", "16", "--seed", "7"))
    assert "answer       19\n" in out
    assert "stop reason  interrupted\n" in out
    assert "6 candidates" in out
    assert "note         Interrupted: " in out
    assert err == ""


def test_ctrl_c_with_json_prints_the_same_object(start: Start) -> None:
    out, _ = interrupted(start(6, "solve", PROBLEM, "-s", "self_consistency", "--seed", "7", "--json"))
    result = json.loads(out)
    assert (result["stop_reason"], result["answer"], len(result["candidates"])) == ("interrupted", "19", 6)
    texts = [candidate["text"] for candidate in result["candidates"]]
    assert result["spend"]["generated_tokens"] == sum(len(text.split()) for text in texts)
    assert result["spend"]["calls"] == 6
    assert result["spend"]["seconds"] > 0
    assert (result["seed"], result["strategy"]) == (7, "self_consistency")


def test_ctrl_c_in_a_step_search_chooses_among_open_paths(start: Start) -> None:
    out, _ = interrupted(start(20, "solve", PROBLEM, "-s", "beam_search", "--seed", "7", "--json"))
    result = json.loads(out)
    assert (result["stop_reason"], result["answer"]) == ("interrupted", None)
    assert result["text"].startswith("3 + 5 = 8")
    assert {candidate["finished"] for candidate in result["candidates"]} == {False}


def test_ctrl_c_before_the_first_sample(start: Start) -> None:
    out, _ = interrupted(start(0, "solve", PROBLEM, "--json"))
    result = json.loads(out)
    assert (result["stop_reason"], result["answer"], result["candidates"]) == ("interrupted", None, [])


def on_terminal(start: Start, *arguments: str, **environment: str) -> str:
    """Return everything that a terminal of 80 x 24 receives."""
    ours, theirs = pty.openpty()
    settings = {"TERM": "xterm-256color", "COLUMNS": "80", "LINES": "24"}
    environ = {key: value for key, value in os.environ.items() if key not in ("NO_COLOR", "FORCE_COLOR")}
    process = start(10**6, *arguments, stdout=theirs, env={**environ, **settings, **environment})
    os.close(theirs)
    received = b""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if select.select([ours], [], [], 0.2)[0]:
            try:
                chunk = os.read(ours, 65536)
            except OSError:  # the other side was closed
                break
            if not chunk:
                break
            received += chunk
    os.close(ours)
    assert process.wait(timeout=20) == 0
    return received.decode()


def test_a_terminal_sees_the_tree_and_then_the_answer(start: Start) -> None:
    seen = on_terminal(start, "solve", PROBLEM, "-s", "beam_search", "--seed", "7", "--budget-tokens", "9000")
    assert "\x1b[?25l" in seen  # the cursor is hidden while drawing
    assert "\x1b[?25h" in seen  # and comes back
    assert "\x1b[32m0.90" in seen
    assert seen.index("★") < re.sub(r"\x1b\[[\d;]*m", lambda code: " " * len(code[0]), seen).index("╭─")
    assert " of 9,000" in seen


def test_no_color_is_respected(start: Start) -> None:
    seen = on_terminal(start, "solve", PROBLEM, "-s", "beam_search", "--seed", "7", NO_COLOR="1")
    assert "★" in seen
    assert not any(f"\x1b[{code}m" in seen for code in (31, 32, 33, 36))


@pytest.mark.parametrize(
    ("flag", "term"), [("--no-live", "xterm-256color"), ("--json", "xterm-256color"), ("--seed=0", "dumb")]
)
def test_no_live_view_if_disabled_or_not_possible(start: Start, flag: str, term: str) -> None:
    assert "\x1b[?25l" not in on_terminal(start, "solve", PROBLEM, flag, TERM=term)


def test_forced_color_does_not_make_a_pipe_a_terminal(start: Start) -> None:
    process = start(10**6, "solve", PROBLEM, env={**os.environ, "FORCE_COLOR": "1"})
    out, _ = process.communicate(timeout=60)
    assert "19" in out
    assert not any(code in out for code in ("\x1b[?25l", "\x1b[2K", "\x1b[1A"))


def test_a_closed_pipe_causes_no_traceback(start: Start) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    process = start(10**6, "solve", PROBLEM, "--json", stdout=writing)
    os.close(writing)
    _, err = process.communicate(timeout=60)
    assert "Traceback" not in err
