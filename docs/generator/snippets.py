"""The code of the hand-written pages, for the tests: what runs, what is shown, what is skipped and why."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

__all__ = ["Block", "blocks", "hand_written", "program", "shown_outputs"]

DOCS = Path(__file__).resolve().parents[1]

_BLOCK = re.compile(
    r"(?:^<!-- skip: (?P<reason>[^\n]*?) -->\n+)?^(?P<fence>`{3,})(?P<language>\w*)[^\n]*\n(?P<code>.*?)^(?P=fence)$",
    re.DOTALL | re.MULTILINE,
)
_EXAMPLE = re.compile(r"\$ python (examples/\w+\.py)\n(.*)", re.DOTALL)


class Block(NamedTuple):
    """A fenced block of a page."""

    page: Path
    line: int
    language: str
    code: str
    skip: str | None
    """Why it is not run; None where it is."""


def hand_written(docs: Path = DOCS) -> list[Path]:
    """Return the pages that are kept in the repository."""
    return sorted(path for path in docs.rglob("*.md") if "generator" not in path.parts)


def blocks(page: Path) -> Iterator[Block]:
    """Yield the fenced blocks of a page in order."""
    text = page.read_text()
    for found in _BLOCK.finditer(text):
        line = text.count("\n", 0, found.start("fence")) + 1
        yield Block(page, line, found["language"], found["code"], found["reason"])


def program(page: Path) -> str:
    """Return the Python blocks of a page as one program, each at its line of the page, without those to be skipped."""
    lines: list[str] = []
    for block in blocks(page):
        if block.language == "python" and block.skip is None:
            lines += [""] * (block.line - len(lines)) + block.code.splitlines()
    return "\n".join(lines) + "\n"


def shown_outputs(page: Path) -> dict[str, str]:
    """Return, for each example whose command a page shows, the output that it shows."""
    found = (_EXAMPLE.match(block.code) for block in blocks(page) if block.language == "text")
    return {match[1]: match[2] for match in found if match}
