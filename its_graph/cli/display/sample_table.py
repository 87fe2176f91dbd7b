"""Whole solutions as a table, one row per answer: how often it was given, and its scores."""

import math
from collections.abc import Sequence
from typing import Any

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from its_graph.cli.display.formatting import score_style
from its_graph.search.tree import Finalist
from its_graph.text.canonical import canonical
from its_graph.text.printable import one_line

__all__ = ["sample_table"]

_BAR_WIDTH = 12
_COLUMNS: dict[str, dict[str, Any]] = {
    "": {"width": 1},
    "answer": {"overflow": "ellipsis", "min_width": 6, "max_width": 24},
    "count": {"justify": "right"},
    "share": {"width": _BAR_WIDTH},
    "best": {"justify": "right"},
    "mean": {"justify": "right"},
    "solution": {"overflow": "ellipsis", "ratio": 1},
}
_NARROW = 60
_OPTIONAL = {"share", "mean"}
"""Columns left out on terminals narrower than `_NARROW`."""


def sample_table(finalists: Sequence[Finalist], winner: str | None, *, width: int, height: int) -> Table:
    """Return the table, most frequent answer first, at most `height` lines high (at least 3).

    Answers are grouped if they are spelled the same after normalization. Whether formulas are equivalent may take a
    while to decide, and is left to the vote at the end.
    """
    groups: dict[str | None, list[Finalist]] = {}
    for finalist in finalists:
        groups.setdefault(canonical(finalist.answer) if finalist.finished else None, []).append(finalist)
    ranked = sorted(groups.items(), key=lambda item: (item[0] is None, -len(item[1])))
    largest = max(map(len, groups.values()), default=1)
    hidden = _OPTIONAL if width < _NARROW else set()
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim", pad_edge=False, expand=True)
    for name, options in _COLUMNS.items():
        if name not in hidden:
            table.add_column(name, no_wrap=True, **options)
    room = height - 1 if len(ranked) <= height - 1 else height - 2
    for answer, members in ranked[:room]:
        cells = _cells(answer, members, largest, won=answer is not None and answer == canonical(winner))
        table.add_row(*(cell for name, cell in cells.items() if name not in hidden))
    if len(ranked) > room:
        table.add_row("", Text(f"… {len(ranked) - room} more", style="dim"))
    return table


def _cells(answer: str | None, members: list[Finalist], largest: int, *, won: bool) -> dict[str, RenderableType]:
    scores = [member.score for member in members if member.score is not None]
    best = max(members, key=lambda member: -math.inf if member.score is None else member.score)
    style = "bold green" if won else "dim" if answer is None else "bold"
    bar = "█" * max(1, round(_BAR_WIDTH * len(members) / largest))
    return {
        "": Text("★" if won else "", style="bold green"),
        "answer": Text("none" if answer is None else one_line(best.answer or answer), style=style),
        "count": Text(str(len(members))),
        "share": Text(bar, style="green" if won else "dim" if answer is None else "cyan"),
        "best": _score_cell(best.score),
        "mean": _score_cell(sum(scores) / len(scores) if scores else None),
        "solution": Text(one_line(best.text), style="dim"),
    }


def _score_cell(score: float | None) -> Text:
    return Text("" if score is None else f"{score:.2f}", style=score_style(score))
