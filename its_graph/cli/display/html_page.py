"""A search as one HTML file, for `solve --html`: to inspect, replay and share."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from its_graph.errors import InputError
from its_graph.search.result import SearchResult
from its_graph.ui.page import standalone_page

__all__ = ["require_html_folder", "write_search_page"]


def require_html_folder(path: Path | None) -> None:
    """Check that the folder of the page exists, before any model is loaded.

    Raises:
        InputError: it does not.
    """
    if path is not None and not path.parent.is_dir():
        raise InputError(f"--html {path}: folder {path.parent} does not exist. Create it, or choose another folder.")


def write_search_page(path: Path, events: Sequence[Mapping[str, Any]], result: SearchResult) -> None:
    """Write the page of a search. For an interrupted search it shows the answer chosen from what was there.

    Raises:
        InputError: the file cannot be written.
    """
    answered = any(event["type"] == "its.answered" for event in events)
    last = [] if answered else [{"type": "its.answered", "answer": result["answer"], "result": result}]
    page = standalone_page([{"title": result["strategy"], "events": [*events, *last]}])
    try:
        path.write_text(page, encoding="utf-8")
    except OSError as error:
        raise InputError(f"--html {path}: cannot write the page: {error.strerror}.") from error
