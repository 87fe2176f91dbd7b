"""What an evaluation found: rows for a program, two tables for people."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich import box
from rich.console import Group
from rich.table import Table

from its_graph.cli.display.formatting import compute, count
from its_graph.evaluation import GridCell, Outcome, compare_outcomes, summarize_outcomes

__all__ = ["evaluation_tables", "rows_of"]

_NOTE = (
    "95% intervals. random: a random finished candidate; pass@n: any candidate (oracle); lost: searches that failed, "
    "counted as wrong. Costs are means per problem; tokens: prompt + generated + read by the verifier."
)
_SHARED_TIMES = "A search that reuses samples has no time of its own: --no-reuse measures it."


def rows_of(measured: Mapping[GridCell, Sequence[Outcome]], seed: int) -> list[dict[str, Any]]:
    """Return a row for each arm that has outcomes, with its difference to the row before on the same problems."""
    rows: list[dict[str, Any]] = []
    begun = [(arm, outcomes) for arm, outcomes in measured.items() if outcomes]
    for before, (arm, outcomes) in zip([None, *begun], begun, strict=False):
        row: dict[str, Any] = {"strategy": arm.config.strategy, "n": arm.n, "options": dict(arm.config.options)}
        row |= {"budget_tokens": arm.context.budget.tokens, **summarize_outcomes(outcomes)._asdict()}
        difference = compare_outcomes(outcomes, before[1], seed=seed) if before else None
        if before and difference:
            to = {"to": before[0].config.strategy, "to_setting": before[0].label}
            row["difference"] = to | difference._asdict()
        rows.append(row)
    return rows


def evaluation_tables(rows: Sequence[dict[str, Any]]) -> Group:
    """Return what came out and what it cost, each narrow enough for a terminal of 80 columns."""
    quality = _table("accuracy %", "gain on row above", "random", "pass@n")
    cost = _table("n", "tokens", "compute", "calls", "seconds", "lost")
    names = _names(rows)
    for name, row in zip(names, rows, strict=True):
        quality.add_row(name, *_quality(row))
        cost.add_row(row["strategy"] if row["budget_tokens"] is None else name, *_cost(row))
    notes = [_NOTE, *([_SHARED_TIMES, _saving(rows)] if any(row["reused"] for row in rows) else [])]
    return Group(quality, cost, *notes)


def _names(rows: Sequence[dict[str, Any]]) -> list[str]:
    """Name each row by its strategy, and by what else it takes to tell it from the others."""
    several = len({row["n"] for row in rows if "n" in row["options"]}) > 1
    return [
        row["strategy"]
        + (f" {row['n']}" if several and "n" in row["options"] else "")
        + ("" if row["budget_tokens"] is None else f" <={row['budget_tokens']}")
        for row in rows
    ]


def _saving(rows: Sequence[dict[str, Any]]) -> str:
    calls = sum(row["mean_calls"] * row["problems"] for row in rows)
    reused = sum(row["reused"] * row["mean_calls"] * row["problems"] for row in rows)
    return (
        f"{count(reused)} of {count(calls)} calls ({reused / calls:.0%}) were answered by what an earlier search of "
        "the same problem had drawn."
    )


def _table(*titles: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    table.add_column("strategy")
    for title in titles:
        table.add_column(title, justify="right")
    return table


def _quality(row: dict[str, Any]) -> list[str]:
    difference = row.get("difference")
    return [
        _percent(row["accuracy"]) + _interval(row["ci95"]),
        _percent(difference["mean"], "+") + _interval(difference["ci95"], "+") if difference else "",
        _percent(row["random"]),
        _percent(row["pass_at_n"]),
    ]


def _cost(row: dict[str, Any]) -> list[str]:
    return [
        str(row["n"]),
        " + ".join(count(row[f"mean_{kind}_tokens"]) for kind in ("prompt", "generated", "verifier")),
        compute(row["mean_flops"]) if row["mean_flops"] else "unknown",
        f"{row['mean_calls']:.1f}",
        "" if row["reused"] else f"{row['seconds']:.2f}",
        str(row["failed"]),
    ]


def _percent(share: float | None, sign: str = "") -> str:
    return "" if share is None else f"{100 * share:{sign}.1f}"


def _interval(ends: tuple[float, float], sign: str = "") -> str:
    # A backslash keeps rich from reading the bracket as markup.
    return rf" \[{_percent(ends[0], sign)}, {_percent(ends[1], sign)}]"
