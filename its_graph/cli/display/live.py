"""The live view of a search, drawn from its events alone: tree, budget and compute used."""

import time
from collections.abc import Callable, Mapping
from typing import Any

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from its_graph.budget import Spend
from its_graph.cli.display.formatting import format_count, format_duration, format_flops, pluralize
from its_graph.cli.display.sample_table import sample_table
from its_graph.cli.display.tree_rows import styled
from its_graph.search.events import rebuild
from its_graph.search.result import SearchResult
from its_graph.search.tree import Tree
from its_graph.search.tree_rows import TreeRows
from its_graph.text.printable import one_line

__all__ = ["SearchView"]

_FRAME = 7
"""Rows around the tree, not counting budget bars: title, question, two blanks, costs, the cursor, a spare one."""
_LIMITS: tuple[tuple[str, Callable[[Spend], float], Callable[[float], str]], ...] = (
    ("calls", lambda spend: spend.calls, format_count),
    ("generated_tokens", lambda spend: spend.generated_tokens, format_count),
    ("tokens", lambda spend: spend.tokens, format_count),
    ("seconds", lambda spend: spend.seconds, format_duration),
    ("flops", lambda spend: spend.flops, format_flops),
)


class SearchView:
    """A rich renderable that grows with every event.

    Args:
        clock: returns seconds since any fixed point; the view measures its own time with it.
    """

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self.events: list[Mapping[str, Any]] = []
        self._clock = clock
        self._start = clock()
        self._end: float | None = None

    def add(self, event: Mapping[str, Any]) -> None:
        """Add one event of the search."""
        self.events.append(event)

    def stop(self) -> None:
        """Stop the clock of the view."""
        self._end = self._clock()

    @property
    def seconds(self) -> float:
        """Seconds from the creation of the view until now, or until it was stopped."""
        return (self._clock() if self._end is None else self._end) - self._start

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Draw the current state of the search, no higher than the terminal."""
        tree = Tree(rebuild(self.events))
        bars = _budget_bars(tree, _observed_spend(tree, self.seconds), options.max_width)
        height = max(3, console.height - _FRAME - bars.row_count)
        yield Group(
            _title(tree, "searching" if self._end is None else "interrupted"),
            Text(one_line(_question_text(tree)), no_wrap=True, overflow="ellipsis", style="italic"),
            Text(),
            _body(tree, options.max_width, height),
            Text(),
            *([bars] if bars.row_count else []),
            self._costs(tree),
        )

    def _costs(self, tree: Tree) -> Text:
        spend, seconds = _observed_spend(tree, self.seconds), self.seconds
        speed = spend.generated_tokens / seconds if seconds > 0 else 0.0
        parts = [
            format_duration(seconds),
            f"{format_count(speed)} tokens/s",
            pluralize(spend.calls, "call"),
            f"{format_count(spend.tokens)} tokens ({format_count(spend.generated_tokens)} generated)",
        ]
        return Text(" · ".join(parts), style="dim", no_wrap=True, overflow="ellipsis")


def _title(tree: Tree, unanswered: str) -> Text:
    reason = tree.result["stop_reason"] if tree.result else tree.stop_reason
    status = f"stopped: {reason}" if reason else unanswered
    seed = "" if tree.settings.seed is None else f" · seed {tree.settings.seed}"
    parts = ((tree.strategy or "search", "bold cyan"), (f"{seed} · {status}", "dim"))
    return Text.assemble(*parts, no_wrap=True, overflow="ellipsis")


def _question_text(tree: Tree) -> str:
    return str(tree.question[-1]["content"]) if tree.question else ""


def _body(tree: Tree, width: int, height: int) -> RenderableType:
    if not tree.steps:
        return Text("no samples yet" + (f", {len(tree.failures)} failed" if tree.failures else ""), style="dim")
    if all(step["parent"] is None and step["finish"] != "stop_string" for step in tree.steps.values()):
        return sample_table(tree.finalists, tree.result["answer"] if tree.result else None, width=width, height=height)
    fitting = TreeRows(tree, winner=_winner(tree, tree.result), over=tree.result is not None).fit(width, height)
    rows = [styled(row) for row in fitting]
    for row in rows:
        row.no_wrap, row.overflow = True, "ellipsis"
    return Group(*rows)


def _winner(tree: Tree, result: SearchResult | None) -> str | None:
    if result is None or result["text"] is None:
        return None
    return next((finalist.id for finalist in tree.finalists if finalist.text == result["text"]), None)


def _budget_bars(tree: Tree, spend: Spend, width: int) -> Table:
    """Return one bar per limit of the budget."""
    grid = Table.grid(padding=(0, 2, 0, 0))
    for _ in range(3):
        grid.add_column(no_wrap=True, overflow="ellipsis")
    for name, measure, formatted in _LIMITS:
        limit = getattr(tree.settings.budget, name)
        if limit is not None:
            used = measure(spend)
            bar = ProgressBar(
                total=max(limit, 1e-9),
                completed=min(used, limit),
                width=max(4, min(30, width - 40)),
                complete_style="cyan",
            )
            grid.add_row(name.replace("_", " "), bar, f"{formatted(used)} of {formatted(limit)}")
    return grid


def _observed_spend(tree: Tree, seconds: float) -> Spend:
    """Return the spend so far: what is charged, or what the records show while a node is still running."""
    charged = tree.spend
    generated = sum(step["tokens"] for step in tree.steps.values())
    read = [score["tokens"] for score in tree.scores.values() if score["tokens"]]
    return charged._replace(
        calls=max(charged.calls, len(tree.steps) + len(tree.failures) + len(read)),
        generated_tokens=max(charged.generated_tokens, generated),
        verifier_tokens=max(charged.verifier_tokens, sum(read)),
        seconds=max(charged.seconds, seconds),
    )
