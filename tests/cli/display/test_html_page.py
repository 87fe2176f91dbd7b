"""`its-graph solve --html`: the search as an HTML page."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from its_graph.cli.exit_codes import EXIT_INTERRUPTED
from tests.ui.searching import events_of

PROBLEM = "Add 3, 5, 4, 7."


def recording(page: str) -> dict[str, Any]:
    held = re.search(r'id="recordings">(.*?)</script>', page, re.DOTALL)
    assert held is not None
    (search,) = json.loads(held[1])
    return dict(search)


def test_the_page_holds_the_search_that_was_reported(call: Any, tmp_path: Path) -> None:
    file = tmp_path / "search.html"
    called = call("solve", PROBLEM, "-s", "beam_search", "--n", 8, "--seed", 7, "--json", "--html", file)
    assert called.code == 0
    search = recording(file.read_text(encoding="utf-8"))
    assert search["title"] == "beam_search"
    assert search["events"][0]["question"][-1]["content"] == PROBLEM
    assert search["events"][-1]["answer"] == json.loads(called.out)["answer"]


def test_a_missing_folder_is_rejected_before_the_search(call: Any, tmp_path: Path) -> None:
    called = call("solve", PROBLEM, "--html", tmp_path / "absent" / "search.html")
    assert called.code != 0
    assert "absent" in called.err
    assert called.out == ""


def test_an_interrupted_search_is_written_with_its_answer(
    call: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorded = events_of("beam_search")[:40]

    def left(*given: Any) -> Iterator[dict[str, Any]]:
        yield from recorded
        raise KeyboardInterrupt

    monkeypatch.setattr("its_graph.cli.commands.solve.stream_search_events", left)
    file = tmp_path / "search.html"
    called = call("solve", PROBLEM, "-s", "beam_search", "--seed", 7, "--json", "--html", file)
    assert called.code == EXIT_INTERRUPTED
    events = recording(file.read_text(encoding="utf-8"))["events"]
    assert events[:-1] == json.loads(json.dumps(recorded))
    assert events[-1]["answer"] == json.loads(called.out)["answer"]
    assert events[-1]["result"]["stop_reason"] == "interrupted"
