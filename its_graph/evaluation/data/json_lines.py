"""JSON lines, with the place of each for a message."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from its_graph.errors import InputError

__all__ = ["json_lines"]


def json_lines(path: Path) -> Iterator[tuple[Any, str]]:
    """Yield each line's value, and its place for a message; empty lines are passed over.

    Raises:
        InputError: for a line that is not JSON.
    """
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            if line.strip():
                where = f"{path}, line {number}"
                try:
                    yield json.loads(line), where
                except ValueError as error:  # not JSON, or not UTF-8
                    raise InputError(f"{where} is not JSON: {error}. Correct or remove the line.") from error
