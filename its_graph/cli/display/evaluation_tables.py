"""Results of an evaluation: rows as data, and two tables for people."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich import box
from rich.console import Group
from rich.table import Table

from its_graph.cli.display.formatting import format_count, format_flops
from its_graph.evaluation import GridCell, Outcome, compare_outcomes, summarize_outcomes

__all__ = ["evaluation_rows", "evaluation_tables"]

_NOTE = (
    "95% confidence intervals. random: a random finished candidate; pass@n: any candidate (oracle); failed: searches "
    "that failed, counted as wrong. Costs are means per problem; tokens: prompt + generated + verifier."
)
_SHARED_TIMES = "A search that reuses samples has no time of its own; --no-reuse measures it."


def evaluation_rows(measured: Mapping[GridCell, Sequence[Outcome]], seed: int) -> list[dict[str, Any]]:
    """Return a row per cell with outcomes, with its difference from the row before on the same problems."""
    rows: list[dict[str, Any]] = []
    started = [(cell, outcomes) for cell, outcomes in measured.items() if outcomes]
    for previous, (cell, outcomes) in zip([None, *started], started, strict=False):
        row: dict[str, Any] = {"strategy": cell.config.strategy, "n": cell.n, "options": dict(cell.config.options)}
        row |= {"budget_tokens": cell.context.budget.tokens, **summarize_outcomes(outcomes)._asdict()}
        difference = compare_outcomes(outcomes, previous[1], seed=seed) if previous else None
        if previous and difference:
            baseline = {"baseline": previous[0].config.strategy, "baseline_config": previous[0].label}
            row["difference"] = baseline | difference._asdict()
        rows.append(row)
    return rows


def evaluation_tables(rows: Sequence[dict[str, Any]]) -> Group:
    """Return accuracy and cost as tables, each narrow enough for a terminal of 80 columns."""
    quality = _table("accuracy %", "gain over row above", "random", "pass@n")
    cost = _table("n", "tokens", "compute", "calls", "seconds", "failed")
    for name, row in zip(_names(rows), rows, strict=True):
        quality.add_row(name, *_quality_cells(row))
        cost.add_row(row["strategy"] if row["budget_tokens"] is None else name, *_cost_cells(row))
    notes = [_NOTE, *([_SHARED_TIMES, _reuse_text(rows)] if any(row["reused"] for row in rows) else [])]
    return Group(quality, cost, *notes)


def _names(rows: Sequence[dict[str, Any]]) -> list[str]:
    """Return a name per row: its strategy, and whatever else distinguishes it from the other rows."""
    several = len({row["n"] for row in rows if "n" in row["options"]}) > 1
    return [
        row["strategy"]
        + (f" {row['n']}" if several and "n" in row["options"] else "")
        + ("" if row["budget_tokens"] is None else f" <={row['budget_tokens']}")
        for row in rows
    ]


def _reuse_text(rows: Sequence[dict[str, Any]]) -> str:
    calls = sum(row["mean_calls"] * row["problems"] for row in rows)
    reused = sum(row["reused"] * row["mean_calls"] * row["problems"] for row in rows)
    return (
        f"{format_count(reused)} of {format_count(calls)} calls ({reused / calls:.0%}) reused a sample of an earlier "
        "search of the same problem."
    )


def _table(*titles: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    table.add_column("strategy")
    for title in titles:
        table.add_column(title, justify="right")
    return table


def _quality_cells(row: dict[str, Any]) -> list[str]:
    difference = row.get("difference")
    return [
        _percent(row["accuracy"]) + _interval(row["ci95"]),
        _percent(difference["mean"], "+") + _interval(difference["ci95"], "+") if difference else "",
        _percent(row["random"]),
        _percent(row["pass_at_n"]),
    ]


def _cost_cells(row: dict[str, Any]) -> list[str]:
    return [
        str(row["n"]),
        " + ".join(format_count(row[f"mean_{kind}_tokens"]) for kind in ("prompt", "generated", "verifier")),
        format_flops(row["mean_flops"]) if row["mean_flops"] else "unknown",
        f"{row['mean_calls']:.1f}",
        "" if row["reused"] else f"{row['seconds']:.2f}",
        str(row["failed"]),
    ]


def _percent(share: float | None, sign: str = "") -> str:
    return "" if share is None else f"{100 * share:{sign}.1f}"


def _interval(ends: tuple[float, float], sign: str = "") -> str:
    # A backslash keeps rich from reading the bracket as markup.
    return rf" \[{_percent(ends[0], sign)}, {_percent(ends[1], sign)}]"
