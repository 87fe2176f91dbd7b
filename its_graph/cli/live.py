"""The live view of a search, drawn from its events alone: what is tried, kept and cut, and what it costs."""

import time
from collections.abc import Callable, Mapping
from typing import Any

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from its_graph.budget import Spend
from its_graph.canonical import canonical
from its_graph.cli.tree_rows import TreeRows
from its_graph.cli.wording import compute, count, counted, one_line, score_style, seconds_text
from its_graph.events import rebuild
from its_graph.tree import Finalist, Tree

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
        gauges = _gauges(tree, _seen(tree, self.seconds))
        height = max(3, console.height - _FRAME - len(gauges))
        yield Group(
            _title(tree, "searching" if self._ended is None else "interrupted"),
            Text(one_line(_asked(tree)), no_wrap=True, overflow="ellipsis", style="italic"),
            Text(),
            _body(tree, result, options.max_width, height, over=self._ended is not None),
            Text(),
            *gauges,
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


def _title(tree: Tree, without_reason: str) -> Text:
    state = f"stopped: {tree.stop_reason}" if tree.stop_reason else without_reason
    seed = "" if tree.settings.seed is None else f" · seed {tree.settings.seed}"
    return Text.assemble((tree.strategy or "search", "bold cyan"), (f"{seed} · {state}", "dim"))


def _asked(tree: Tree) -> str:
    return str(tree.question[-1]["content"]) if tree.question else ""


def _body(
    tree: Tree, result: Mapping[str, Any] | None, width: int, height: int, *, over: bool
) -> RenderableType:
    if not tree.steps:
        return Text(
            "no sample yet" + (f", {len(tree.failures)} failed" if tree.failures else ""), style="dim"
        )
    if all(step["parent"] is None and step["finish"] != "stop_string" for step in tree.steps.values()):
        return _samples(tree, result, height)
    rows = TreeRows(tree, winner=_winner(tree, result), over=over or result is not None).fit(width, height)
    for row in rows:
        row.no_wrap, row.overflow = True, "ellipsis"
    return Group(*rows)


def _winner(tree: Tree, result: Mapping[str, Any] | None) -> str | None:
    if result is None or result["text"] is None:
        return None
    return next((one.id for one in tree.finalists if one.text == result["text"]), None)


def _samples(tree: Tree, result: Mapping[str, Any] | None, height: int) -> Table:
    """Whole solutions by their answer, most frequent first; equal by writing, as the vote itself waits for the end."""
    groups: dict[str | None, list[Finalist]] = {}
    for one in tree.finalists:
        groups.setdefault(canonical(one.answer) if one.finished else None, []).append(one)
    ranked = sorted(groups.items(), key=lambda item: (item[0] is None, -len(item[1])))
    most = max(len(members) for members in groups.values())
    winning = canonical(result["answer"]) if result else None
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim", pad_edge=False, expand=True)
    for name, options in _COLUMNS.items():
        table.add_column(name, no_wrap=True, **options)
    room = height - 1 if len(ranked) <= height - 1 else height - 2
    for answer, members in ranked[:room]:
        table.add_row(*_sample_row(answer, members, most, won=answer is not None and answer == winning))
    if len(ranked) > room:
        table.add_row("", Text(f"… {len(ranked) - room} more", style="dim"))
    return table


_COLUMNS: dict[str, dict[str, Any]] = {
    "": {"width": 1},
    "answer": {"overflow": "ellipsis", "min_width": 6, "max_width": 24},
    "count": {"justify": "right"},
    "share": {"width": 12},
    "best": {"justify": "right"},
    "mean": {"justify": "right"},
    "solution": {"overflow": "ellipsis", "ratio": 1},
}


def _sample_row(answer: str | None, members: list[Finalist], most: int, *, won: bool) -> list[RenderableType]:
    scores = [one.score for one in members if one.score is not None]
    best = max(members, key=lambda one: -1.0 if one.score is None else one.score)
    mean = sum(scores) / len(scores) if scores else None
    style = "bold green" if won else "dim" if answer is None else "bold"
    bar = "█" * max(1, round(12 * len(members) / most))
    return [
        Text("★" if won else "", style="bold green"),
        Text("none" if answer is None else one_line(best.answer or answer), style=style),
        Text(str(len(members))),
        Text(bar, style="green" if won else "dim" if answer is None else "cyan"),
        _score(max(scores, default=None)),
        _score(mean),
        Text(one_line(best.text), style="dim"),
    ]


def _score(score: float | None) -> Text:
    return Text("" if score is None else f"{score:.2f}", style=score_style(score))


def _gauges(tree: Tree, spend: Spend) -> list[RenderableType]:
    """One bar for each limit of the budget."""
    budget = tree.settings.budget
    rows: list[RenderableType] = []
    for name, measure, written in _LIMITS:
        limit = getattr(budget, name)
        if limit is None:
            continue
        used = measure(spend)
        bar = ProgressBar(total=max(limit, 1e-9), completed=min(used, limit), width=30, complete_style="cyan")
        grid = Table.grid(padding=(0, 1))
        grid.add_column(width=len("generated tokens"), no_wrap=True)
        grid.add_row(Text(name.replace("_", " ")), bar, Text(f"{written(used)} of {written(limit)}"))
        rows.append(grid)
    return rows


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
