"""A search tree as rows of text, folded until it fits the terminal.

Three ways to write the same tree, from roomy to tight: every step on its own row; cut branches folded into `… 11 cut`;
runs of steps without a fork folded into their last one. Finished paths and those that the search goes on with are
always told apart from cut ones, and equal siblings stand in one row with their number.
"""

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Literal, NamedTuple, TypeAlias

from rich.text import Text

from its_graph.cli.display.formatting import TIMES, one_line, score_text
from its_graph.search.tree import Tree
from its_graph.text.answers import extract_answer

__all__ = ["Role", "TreeRows"]

Role: TypeAlias = Literal["winner", "finished", "kept", "waiting", "cut", "truncated"]
"""What became of a step: part of the answer, the end of a solution, on a path that goes on or is complete, not judged
yet, given up, or stopped by a length limit."""

_MARKS: dict[Role, tuple[str, str]] = {
    "winner": ("★", "bold green"),
    "kept": ("●", "bold"),
    "waiting": ("○", ""),
    "finished": ("✓", "bold"),
    "cut": ("✗", "dim"),
    "truncated": ("✂", "dim"),
}
"""Mark and style of each role, what matters most first."""
_DEAD: tuple[Role, ...] = ("cut", "truncated")
_INDENT = 3
"""Columns that one level of the tree takes."""


class _Row(NamedTuple):
    depth: int
    text: Text


class _Branch(NamedTuple):
    """Siblings in one row: `steps` have the same text, score and role and nothing below them, or there is only one."""

    steps: Sequence[str]
    role: Role


class TreeRows:
    """The rows of a tree.

    Args:
        tree: the search so far.
        winner: id of the last step of the answer, once there is one.
        over: whether the search has ended: then nothing is waiting any more.
    """

    def __init__(self, tree: Tree, *, winner: str | None = None, over: bool = False) -> None:
        self._tree = tree
        self._over = over
        self._winning = frozenset(tree.path(winner)) if winner is not None else frozenset()

    def fit(self, width: int, height: int) -> list[Text]:
        """Return at most `height` rows (at least 1), written as roomily as that allows."""
        for fold_cut, fold_runs in ((False, False), (True, False), (True, True)):
            rows = list(self._rows(None, 0, fold_cut=fold_cut, fold_runs=fold_runs))
            if len(rows) <= height and _INDENT * max((row.depth for row in rows), default=0) <= width // 2:
                return _drawn(rows)
        drawn = _drawn(rows)
        if len(rows) <= height:
            return drawn
        return [*drawn[: height - 1], Text(f"… {len(rows) - height + 1} more rows", style="dim")]

    def role(self, step: str) -> Role:
        """Say what became of `step`."""
        if step in self._winning:
            return "winner"
        if self._tree.finished(step):
            return "finished"
        if self._tree.truncated(step):
            return "truncated"
        if step in self._living:
            return "kept"
        return "waiting" if self._waits(step) else "cut"

    @cached_property
    def _living(self) -> set[str]:
        """Every step on a path that is at the frontier, complete, or about to be judged."""
        leaves = [step for step in self._tree.steps if "auxiliary" not in self._tree.steps[step]]
        ends = [*self._tree.frontier, *self._tree.complete]
        living = {link for step in ends for link in self._tree.path(step)}
        waiting = [self._tree.steps[step]["parent"] for step in leaves if self._waits(step)]
        return living | {link for parent in waiting if parent is not None for link in self._tree.path(parent)}

    def _waits(self, step: str) -> bool:
        """Whether the next selection has yet to decide about the step: it hangs at the frontier, or is a first one."""
        tree = self._tree
        if self._over or not tree.open(step) or step in tree.children:
            return False
        parent = tree.steps[step]["parent"]
        return parent in tree.frontier if parent is not None else not self._selected_once

    @cached_property
    def _selected_once(self) -> bool:
        return bool(self._tree.frontier) or any(parent is not None for parent in self._tree.children)

    def _rows(self, parent: str | None, depth: int, *, fold_cut: bool, fold_runs: bool) -> Iterator[_Row]:
        branches = self._branches(parent)
        shown = [one for one in branches if not (fold_cut and self._dead(one))]
        if fold_runs:  # rows that do not fit fall off at the end
            shown.sort(key=lambda one: list(_MARKS).index(one.role))
        for branch in shown:
            last, skipped, cut = branch.steps[0], 0, 0
            while fold_runs and len(below := self._alive(last)) == 1 and len(below[0].steps) == 1:
                cut += self._cut_below(last)
                last, skipped = below[0].steps[0], skipped + 1
            yield _Row(depth, self._line(last, copies=len(branch.steps), skipped=skipped, cut=cut))
            yield from self._rows(last, depth + 1, fold_cut=fold_cut, fold_runs=fold_runs)
        if fold_cut and (gone := self._cut_below(parent)):
            yield _Row(depth, Text(f"… {gone} cut", style="dim"))

    def _branches(self, parent: str | None) -> list[_Branch]:
        """Group the children of `parent` whose rows would be equal, in the order of their ids."""
        groups: dict[tuple[object, ...], list[str]] = {}
        for step in self._tree.children.get(parent, []):
            alone = step if step in self._tree.children else None
            key = (alone, self._tree.steps[step]["text"], self._tree.score(step), self.role(step))
            groups.setdefault(key, []).append(step)
        return [_Branch(steps, self.role(steps[0])) for steps in groups.values()]

    def _alive(self, step: str) -> list[_Branch]:
        return [branch for branch in self._branches(step) if not self._dead(branch)]

    def _dead(self, branch: _Branch) -> bool:
        return branch.role in _DEAD

    def _cut_below(self, parent: str | None) -> int:
        """Count the dead children of `parent`; what hangs below them was given up with them."""
        return sum(len(branch.steps) for branch in self._branches(parent) if self._dead(branch))

    def _line(self, step: str, *, copies: int, skipped: int, cut: int) -> Text:
        role = self.role(step)
        mark, style = _MARKS[role]
        line = Text.assemble((f"{mark} ", style), score_text(self._tree.score(step)), " ")
        if skipped:
            line.append(f"{self._tree.depth(step)} steps ", style="dim")
        if self._tree.finished(step):
            line.append(f"→ {one_line(extract_answer(self._tree.text(step)) or 'no answer')} ", style=style or "bold")
        if copies > 1:
            line.append(f"{TIMES}{copies} ", style="cyan")
        said = one_line(self._tree.steps[step]["text"])
        line.append(said, style="dim" if role in _DEAD or self._tree.finished(step) else style)
        if cut:
            line.append(f"  (… {cut} cut)", style="dim")
        return line


def _drawn(rows: Sequence[_Row]) -> list[Text]:
    """Put the lines of the tree before its rows, from the last row up: a row ends its level if none follows in it."""
    drawn: list[Text] = []
    open_levels: set[int] = set()
    for row in reversed(rows):
        stem = "".join("│  " if level in open_levels else "   " for level in range(row.depth))
        fork = "├─ " if row.depth in open_levels else "└─ "
        drawn.append(Text.assemble((stem + fork, "dim"), row.text))
        open_levels = {level for level in open_levels if level < row.depth} | {row.depth}
    return drawn[::-1]
