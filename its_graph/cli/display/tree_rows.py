"""The rows of a search tree (`its_graph.search.tree_rows`) in the colors of the terminal."""

from rich.text import Text

from its_graph.cli.display.formatting import score_style
from its_graph.search.tree_rows import ABANDONED, Role, RowPart, TreeRow

__all__ = ["styled"]

_STYLES: dict[Role, str] = {
    "winner": "bold green",
    "kept": "bold",
    "waiting": "",
    "finished": "bold",
    "cut": "dim",
    "truncated": "dim",
}


def styled(row: TreeRow) -> Text:
    """Return `row` in color: the path of the answer is green, cut steps are dim."""
    return Text.assemble((row.stem, "dim"), *((part.text, _style(part, row)) for part in row.parts))


def _style(part: RowPart, row: TreeRow) -> str:
    style = _STYLES[row.role] if row.role else "dim"
    if part.shows == "score":
        return score_style(row.score)
    if part.shows in ("depth", "note"):
        return "dim"
    if part.shows == "copies":
        return "cyan"
    if part.shows == "answer":
        return style or "bold"
    if part.shows == "text" and (row.role in ABANDONED or any(other.shows == "answer" for other in row.parts)):
        return "dim"  # next to the answer, the text of the last step is a detail
    return style
