"""A search tree as rows of text, folded until it fits the space given.

There are three ways to write the same tree, from roomy to compact: every step on its own row; cut branches folded into
`… 11 cut`; runs of steps without a fork folded into their last step. Finished and kept paths always look different from
cut ones, and equal siblings share one row with their number.
"""

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Literal, NamedTuple, TypeAlias

from its_graph.search.step_tree import StepTree
from its_graph.text.answers import extract_answer
from its_graph.text.printable import one_line

__all__ = ["ABANDONED", "MARKS", "Role", "RowPart", "TreeRow", "TreeRows", "score_label"]

Role: TypeAlias = Literal["winner", "finished", "kept", "waiting", "cut", "truncated"]
"""What became of a step: part of the answer, the end of a solution, on a path that is expanded or complete, not scored
yet, cut, or stopped by a length limit."""

MARKS: dict[Role, str] = {"winner": "★", "kept": "●", "waiting": "○", "finished": "✓", "cut": "✗", "truncated": "✂"}
"""The mark of each role, the most important first."""
ABANDONED: tuple[Role, ...] = ("cut", "truncated")
"""The roles of steps that nothing can follow any more and that are not part of a solution."""

_INDENT = 3
"""Columns per level of the tree."""


class RowPart(NamedTuple):
    """A piece of a row, with what it shows, so that a terminal can color it."""

    shows: Literal["mark", "score", "depth", "answer", "copies", "text", "note"]
    text: str


class TreeRow(NamedTuple):
    """One row. `str(row)` is its plain text."""

    depth: int
    """Level in the tree; 0 for first steps."""
    parts: tuple[RowPart, ...]
    role: Role | None = None
    """What became of the step; None for a row that stands for several."""
    score: float | None = None
    """Score of the path that ends in the step."""
    stem: str = ""
    """The lines of the tree in front of the row."""

    def __str__(self) -> str:
        return self.stem + "".join(part.text for part in self.parts)


class _Branch(NamedTuple):
    """Siblings on one row: `steps` share text, score and role and have no children, or there is only one."""

    steps: Sequence[str]
    role: Role


class TreeRows:
    """The rows of a tree.

    Args:
        tree: the search so far.
        winner: id of the last step of the answer; None before the search has answered.
        over: whether the search has ended: then no step is waiting any more.
    """

    def __init__(self, tree: StepTree, *, winner: str | None = None, over: bool = False) -> None:
        self._tree = tree
        self._over = over
        self._winning = frozenset(tree.path(winner)) if winner is not None else frozenset()

    def fit(self, width: int, height: int) -> list[TreeRow]:
        """Return at most `height` rows (at least 1), as roomy as that allows; at most half of `width` is indent."""
        for fold_cut, fold_runs in ((False, False), (True, False), (True, True)):
            rows = list(self._rows(None, 0, fold_cut=fold_cut, fold_runs=fold_runs))
            if len(rows) <= height and _INDENT * max((row.depth for row in rows), default=0) <= width // 2:
                return _with_stems(rows)
        if len(rows) <= height:
            return _with_stems(rows)
        rest = TreeRow(0, (RowPart("note", f"… {len(rows) - height + 1} more rows"),))
        return [*_with_stems(rows)[: height - 1], rest]

    def all(self) -> list[TreeRow]:
        """Return every step, one row each except for equal siblings."""
        return _with_stems(list(self._rows(None, 0, fold_cut=False, fold_runs=False)))

    def role(self, step: str) -> Role:
        """Return what became of `step`."""
        if step in self._winning:
            return "winner"
        if self._tree.finished(step):
            return "finished"
        if self._tree.truncated(step):
            return "truncated"
        if step in self._kept:
            return "kept"
        return "waiting" if self._is_waiting(step) else "cut"

    @cached_property
    def _kept(self) -> set[str]:
        """Every step on a path that is at the frontier, complete, or about to be scored."""
        tree = self._tree
        kept = {step for end in (*tree.frontier, *tree.complete) for step in tree.path(end)}
        candidate_text = (step for step, record in tree.steps.items() if "auxiliary" not in record)
        parents = [tree.steps[step]["parent"] for step in candidate_text if self._is_waiting(step)]
        return kept | {step for parent in parents if parent is not None for step in tree.path(parent)}

    def _is_waiting(self, step: str) -> bool:
        """Return whether the next selection decides about the step: a child of the frontier, or a first step."""
        tree = self._tree
        if self._over or not tree.open(step) or step in tree.children:
            return False
        parent = tree.steps[step]["parent"]
        return parent in tree.frontier if parent is not None else not self._selected_once

    @cached_property
    def _selected_once(self) -> bool:
        return bool(self._tree.frontier) or any(parent is not None for parent in self._tree.children)

    def _rows(self, parent: str | None, depth: int, *, fold_cut: bool, fold_runs: bool) -> Iterator[TreeRow]:
        branches = [branch for branch in self._branches(parent) if not (fold_cut and branch.role in ABANDONED)]
        if fold_runs:  # the last rows are dropped if they do not fit
            branches.sort(key=lambda branch: list(MARKS).index(branch.role))
        for branch in branches:
            last, skipped, cut = branch.steps[0], 0, 0
            while fold_runs and len(below := self._alive(last)) == 1 and len(below[0].steps) == 1:
                cut += self._cut_below(last)
                last, skipped = below[0].steps[0], skipped + 1
            yield self._row(last, depth, copies=len(branch.steps), skipped=skipped, cut=cut)
            yield from self._rows(last, depth + 1, fold_cut=fold_cut, fold_runs=fold_runs)
        if fold_cut and (count := self._cut_below(parent)):
            yield TreeRow(depth, (RowPart("note", f"… {count} cut"),))

    def _branches(self, parent: str | None) -> list[_Branch]:
        """Group the children of `parent` whose rows would be equal, in the order of their ids."""
        groups: dict[tuple[object, ...], list[str]] = {}
        for step in self._tree.children.get(parent, []):
            alone = step if step in self._tree.children else None
            key = (alone, self._tree.steps[step]["text"], self._tree.score(step), self.role(step))
            groups.setdefault(key, []).append(step)
        return [_Branch(steps, self.role(steps[0])) for steps in groups.values()]

    def _alive(self, step: str) -> list[_Branch]:
        return [branch for branch in self._branches(step) if branch.role not in ABANDONED]

    def _cut_below(self, parent: str | None) -> int:
        """Count the abandoned children of `parent`; what is below them was given up with them."""
        return sum(len(branch.steps) for branch in self._branches(parent) if branch.role in ABANDONED)

    def _row(self, step: str, depth: int, *, copies: int, skipped: int, cut: int) -> TreeRow:
        tree, role = self._tree, self.role(step)
        score = tree.score(step)
        parts = [RowPart("mark", f"{MARKS[role]} "), RowPart("score", f"{score_label(score)} ")]
        if skipped:
            parts.append(RowPart("depth", f"{tree.depth(step)} steps "))
        if tree.finished(step):
            answer = one_line(extract_answer(tree.text(step)) or "no answer")
            parts.append(RowPart("answer", f"→ {answer} "))
        if copies > 1:
            parts.append(RowPart("copies", f"\N{MULTIPLICATION SIGN}{copies} "))
        parts.append(RowPart("text", one_line(tree.steps[step]["text"])))
        if cut:
            parts.append(RowPart("note", f"  (… {cut} cut)"))
        return TreeRow(depth, tuple(parts), role, score)


def score_label(score: float | None) -> str:
    """Return a score as text, four columns wide if it is missing or in [0, 1]."""
    return " -- " if score is None else f"{score:.2f}"


def _with_stems(rows: Sequence[TreeRow]) -> list[TreeRow]:
    """Add the lines of the tree, from the last row up: a row ends its level if none follows in it."""
    drawn: list[TreeRow] = []
    open_levels: set[int] = set()
    for row in reversed(rows):
        stem = "".join("│  " if level in open_levels else "   " for level in range(row.depth))
        fork = "├─ " if row.depth in open_levels else "└─ "
        drawn.append(row._replace(stem=stem + fork))
        open_levels = {level for level in open_levels if level < row.depth} | {row.depth}
    return drawn[::-1]
