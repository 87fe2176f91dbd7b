"""The live view of a search, drawn from its events alone: what is tried, kept and cut, and what it costs."""

import time
from collections.abc import Callable, Mapping
from typing import Any

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from its_graph.budget import Spend
from its_graph.cli.display.formatting import compute, count, counted, one_line, seconds_text
from its_graph.cli.display.sample_table import sample_table
from its_graph.cli.display.tree_rows import TreeRows
from its_graph.search.events import rebuild
from its_graph.search.tree import Tree

__all__ = ["SearchView"]

_FRAME = 7
"""Rows around the tree, gauges not counted: title, question, two blank ones, costs, the cursor, a spare one."""
_LIMITS: tuple[tuple[str, Callable[[Spend], float], Callable[[float], str]], ...] = (
    ("calls", lambda spend: spend.calls, count),
    ("generated_tokens", lambda spend: spend.generated_tokens, count),
    ("tokens", lambda spend: spend.tokens, count),
    ("seconds", lambda spend: spend.seconds, seconds_text),
    ("flops", lambda spend: spend.flops, compute),
)


class SearchView:
    """A rich renderable that grows with the events given to `add`.

    Args:
        clock: seconds from any point; the view measures its own time with it.
    """

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self.events: list[Mapping[str, Any]] = []
        self._clock = clock
        self._began = clock()
        self._ended: float | None = None

    def add(self, event: Mapping[str, Any]) -> None:
        """Take in one event of the search."""
        self.events.append(event)

    def stop(self) -> None:
        """Stop the clock of the view."""
        self._ended = self._clock()

    @property
    def seconds(self) -> float:
        """Seconds since the view was made, until it was stopped."""
        return (self._clock() if self._ended is None else self._ended) - self._began

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Draw the search as it stands, no higher than the terminal."""
        state = rebuild(self.events)
        tree = Tree.of(state)
        result: Mapping[str, Any] | None = state.get("result")
        gauges = _gauges(tree, _seen(tree, self.seconds), options.max_width)
        height = max(3, console.height - _FRAME - gauges.row_count)
        yield Group(
            _title(tree, result, "searching" if self._ended is None else "interrupted"),
            Text(one_line(_asked(tree)), no_wrap=True, overflow="ellipsis", style="italic"),
            Text(),
            _body(tree, result, options.max_width, height),
            Text(),
            *([gauges] if gauges.row_count else []),
            self._costs(tree),
        )

    def _costs(self, tree: Tree) -> Text:
        spend, seconds = _seen(tree, self.seconds), self.seconds
        speed = spend.generated_tokens / seconds if seconds > 0 else 0.0
        parts = [
            seconds_text(seconds),
            f"{count(speed)} tokens/s",
            counted(spend.calls, "call"),
            f"{count(spend.tokens)} tokens, {count(spend.generated_tokens)} of them generated",
        ]
        return Text(" · ".join(parts), style="dim", no_wrap=True, overflow="ellipsis")


def _title(tree: Tree, result: Mapping[str, Any] | None, unanswered: str) -> Text:
    reason = result["stop_reason"] if result else tree.stop_reason
    state = f"stopped: {reason}" if reason else unanswered
    seed = "" if tree.settings.seed is None else f" · seed {tree.settings.seed}"
    parts = ((tree.strategy or "search", "bold cyan"), (f"{seed} · {state}", "dim"))
    return Text.assemble(*parts, no_wrap=True, overflow="ellipsis")


def _asked(tree: Tree) -> str:
    return str(tree.question[-1]["content"]) if tree.question else ""


def _body(tree: Tree, result: Mapping[str, Any] | None, width: int, height: int) -> RenderableType:
    if not tree.steps:
        return Text("no sample yet" + (f", {len(tree.failures)} failed" if tree.failures else ""), style="dim")
    if all(step["parent"] is None and step["finish"] != "stop_string" for step in tree.steps.values()):
        return sample_table(tree.finalists, result["answer"] if result else None, width=width, height=height)
    rows = TreeRows(tree, winner=_winner(tree, result), over=result is not None).fit(width, height)
    for row in rows:
        row.no_wrap, row.overflow = True, "ellipsis"
    return Group(*rows)


def _winner(tree: Tree, result: Mapping[str, Any] | None) -> str | None:
    if result is None or result["text"] is None:
        return None
    return next((one.id for one in tree.finalists if one.text == result["text"]), None)


def _gauges(tree: Tree, spend: Spend, width: int) -> Table:
    """One bar for each limit of the budget."""
    grid = Table.grid(padding=(0, 2, 0, 0))
    for _ in range(3):
        grid.add_column(no_wrap=True, overflow="ellipsis")
    for name, measure, written in _LIMITS:
        limit = getattr(tree.settings.budget, name)
        if limit is not None:
            used = measure(spend)
            bar = ProgressBar(
                total=max(limit, 1e-9),
                completed=min(used, limit),
                width=max(4, min(30, width - 40)),
                complete_style="cyan",
            )
            grid.add_row(name.replace("_", " "), bar, f"{written(used)} of {written(limit)}")
    return grid


def _seen(tree: Tree, seconds: float) -> Spend:
    """Return the spend so far: what is settled, or what the records show where a node is still at work."""
    settled = tree.spend
    generated = sum(step["tokens"] for step in tree.steps.values())
    read = [score["tokens"] for score in tree.scores.values() if score["tokens"]]
    return settled._replace(
        calls=max(settled.calls, len(tree.steps) + len(tree.failures) + len(read)),
        generated_tokens=max(settled.generated_tokens, generated),
        verifier_tokens=max(settled.verifier_tokens, sum(read)),
        seconds=max(settled.seconds, seconds),
    )
