"""A search as one HTML file, for `solve --html`: to look at, replay and send to somebody."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from its_graph.errors import InputError
from its_graph.ui.page import standalone

__all__ = ["check_target", "write_search_page"]


def check_target(path: Path | None) -> None:
    """Refuse, before any model is loaded, a file that has no folder to be written to."""
    if path is not None and not path.parent.is_dir():
        raise InputError(f"--html {path}: there is no folder {path.parent}. Make it, or give another one.")


def write_search_page(path: Path, events: Sequence[Mapping[str, Any]], result: Mapping[str, Any]) -> None:
    """Write the page of a search; one that was left before its end shows the answer that was made from what it had.

    Raises:
        InputError: it cannot be written there.
    """
    answered = any(event["type"] == "its.answered" for event in events)
    last = [] if answered else [{"type": "its.answered", "answer": result["answer"], "result": result}]
    page = standalone([{"title": result["strategy"], "events": [*events, *last]}])
    try:
        path.write_text(page, encoding="utf-8")
    except OSError as error:
        raise InputError(f"--html {path}: the page cannot be written there: {error.strerror}.") from error
