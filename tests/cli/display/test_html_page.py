"""`its-graph solve --html`: the search as a page."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from its_graph.cli.exit_codes import INTERRUPTED
from tests.ui.searching import events_of

PROBLEM = "Add 3, 5, 4, 7."


def recording(page: str) -> dict[str, Any]:
    held = re.search(r'id="recording">(.*?)</script>', page, re.DOTALL)
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


def test_a_folder_that_is_not_there_is_refused_before_the_search(call: Any, tmp_path: Path) -> None:
    called = call("solve", PROBLEM, "--html", tmp_path / "absent" / "search.html")
    assert called.code != 0
    assert "absent" in called.err
    assert called.out == ""


def test_a_search_that_is_interrupted_is_written_with_the_answer_it_is_given(
    call: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = events_of("beam_search")[:40]

    def left(*given: Any) -> Iterator[dict[str, Any]]:
        yield from told
        raise KeyboardInterrupt

    monkeypatch.setattr("its_graph.cli.commands.solve.events_of_search", left)
    file = tmp_path / "search.html"
    called = call("solve", PROBLEM, "-s", "beam_search", "--seed", 7, "--json", "--html", file)
    assert called.code == INTERRUPTED
    events = recording(file.read_text(encoding="utf-8"))["events"]
    assert events[:-1] == json.loads(json.dumps(told))
    assert events[-1]["answer"] == json.loads(called.out)["answer"]
    assert events[-1]["result"]["stop_reason"] == "interrupted"
