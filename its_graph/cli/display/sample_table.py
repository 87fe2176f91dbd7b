"""Whole solutions as a table, a row for each answer: how often it came, and what the verifier thinks of it."""

import math
from collections.abc import Sequence
from typing import Any

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from its_graph.cli.display.formatting import one_line, score_style
from its_graph.search.tree import Finalist
from its_graph.text.canonical import canonical

__all__ = ["sample_table"]

_BAR = 12
_COLUMNS: dict[str, dict[str, Any]] = {
    "": {"width": 1},
    "answer": {"overflow": "ellipsis", "min_width": 6, "max_width": 24},
    "count": {"justify": "right"},
    "share": {"width": _BAR},
    "best": {"justify": "right"},
    "mean": {"justify": "right"},
    "solution": {"overflow": "ellipsis", "ratio": 1},
}
_NARROW = 60
_SPARED = {"share", "mean"}
"""Columns left out where the terminal is narrower than `_NARROW`."""


def sample_table(finalists: Sequence[Finalist], winner: str | None, *, width: int, height: int) -> Table:
    """Return the table, most frequent answer first, at most `height` lines high (at least 3).

    Answers are the same if they are written the same after normalisation: the vote itself, which may take a while to
    compare formulas, waits for the end.
    """
    groups: dict[str | None, list[Finalist]] = {}
    for one in finalists:
        groups.setdefault(canonical(one.answer) if one.finished else None, []).append(one)
    ranked = sorted(groups.items(), key=lambda item: (item[0] is None, -len(item[1])))
    most = max(map(len, groups.values()), default=1)
    spared = _SPARED if width < _NARROW else set()
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim", pad_edge=False, expand=True)
    for name, options in _COLUMNS.items():
        if name not in spared:
            table.add_column(name, no_wrap=True, **options)
    room = height - 1 if len(ranked) <= height - 1 else height - 2
    for answer, members in ranked[:room]:
        cells = _cells(answer, members, most, won=answer is not None and answer == canonical(winner))
        table.add_row(*(cell for name, cell in cells.items() if name not in spared))
    if len(ranked) > room:
        table.add_row("", Text(f"… {len(ranked) - room} more", style="dim"))
    return table


def _cells(answer: str | None, members: list[Finalist], most: int, *, won: bool) -> dict[str, RenderableType]:
    scores = [one.score for one in members if one.score is not None]
    best = max(members, key=lambda one: -math.inf if one.score is None else one.score)
    style = "bold green" if won else "dim" if answer is None else "bold"
    bar = "█" * max(1, round(_BAR * len(members) / most))
    return {
        "": Text("★" if won else "", style="bold green"),
        "answer": Text("none" if answer is None else one_line(best.answer or answer), style=style),
        "count": Text(str(len(members))),
        "share": Text(bar, style="green" if won else "dim" if answer is None else "cyan"),
        "best": _score(best.score),
        "mean": _score(sum(scores) / len(scores) if scores else None),
        "solution": Text(one_line(best.text), style="dim"),
    }


def _score(score: float | None) -> Text:
    return Text("" if score is None else f"{score:.2f}", style=score_style(score))
