"""The final report of a search: one JSON object, or text (a panel on a terminal, plain lines elsewhere)."""

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from rich.console import Console
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from its_graph.budget import Spend
from its_graph.cli.display.formatting import TIMES, format_spend, pluralize
from its_graph.search.result import SearchResult, Vote
from its_graph.text.printable import one_line, readable

__all__ = ["print_report", "result_json"]

_DIGITS = 6
"""Decimals of a score: batched arithmetic may differ in the last bits, which mean nothing."""
_MAX_VOTES = 6
"""Answers listed in the report; the JSON object has all of them."""
_STOP_REASONS = {
    "agreement": "agreement (the answers agree)",
    "budget": "budget (used up)",
    "max_steps": "max_steps (the paths reached --max-steps)",
    "recursion_limit": "recursion_limit (LangGraph's limit left no room for another round)",
    "failures": "failures (no path could be continued: the calls failed)",
    "no_open_path": "no_open_path (no path left to expand)",
    "steered": "steered (a person stopped it)",
}
"""Stop reasons that need a word of explanation."""


def result_json(problem: str, result: SearchResult) -> str:
    """Return the problem and the result of its search as one JSON object. Equal searches give equal objects.

    `spend.seconds` is the one value that differs from run to run.
    """
    return json.dumps(_rounded({"problem": problem, **result}), indent=2, allow_nan=False)


def print_report(console: Console, result: SearchResult) -> None:
    """Print the answer, the votes, the spend, the stop reason and notes.

    Without a terminal no line is wrapped, however long: other programs read it.
    """
    answer = "none" if result["answer"] is None else one_line(result["answer"])
    solution = readable(result["text"] or "").strip()
    if console.is_terminal:
        console.print(_panel(answer, solution, answered=result["answer"] is not None))
        console.print(_table(_facts(result)))
        return
    lines = [f"{name:<11}  {fact}" for name, fact in (("answer", answer), *_facts(result))]
    for line in [*([solution, ""] if solution else []), *lines]:
        console.print(Text(line), soft_wrap=True)


def _panel(answer: str, solution: str, *, answered: bool) -> Panel:
    color = "green" if answered else "red"
    steps = "\n".join(filter(str.strip, solution.splitlines()))
    text = Text.assemble((answer, f"bold {color}"), f"\n\n{steps}" if steps else "")
    return Panel(text, title="answer", title_align="left", border_style=color, expand=False)


def _table(facts: Iterable[tuple[str, str]]) -> Table:
    table = Table.grid(padding=(0, 2, 0, 0))
    for name, fact in facts:
        table.add_row(Text(name, style="dim"), Text(fact))
    return table


def _facts(result: SearchResult) -> Iterator[tuple[str, str]]:
    if votes := result["votes"]:
        tie = " (tie: the answer drawn first won)" if result["tie"] else ""
        more = f", and {len(votes) - _MAX_VOTES} more" if len(votes) > _MAX_VOTES else ""
        yield "votes", ", ".join(map(_vote_text, votes[:_MAX_VOTES])) + more + tie
    if route := result.get("route"):
        yield "route", f"{one_line(route['config'])} (difficulty {route['difficulty']:.2f})"
    yield (
        "search",
        f"{result['strategy']}, seed {result['seed']}, {pluralize(len(result['candidates']), 'candidate')}",
    )
    yield "stop reason", _STOP_REASONS.get(result["stop_reason"], result["stop_reason"])
    yield "spend", format_spend(Spend(**result["spend"]))
    for note in _notes(result):
        yield "note", one_line(note)


def _vote_text(vote: Vote) -> str:
    weight = "" if vote["weight"] == vote["count"] else f" (weight {vote['weight']:.3g})"
    return f"{one_line(vote['answer'])} {TIMES}{vote['count']}{weight}"


def _notes(result: SearchResult) -> Iterator[str]:
    yield from result["notes"]
    if result["abstained"]:
        yield f"{pluralize(result['abstained'], 'candidate')} did not vote (unfinished, or without an answer)."
    if result["truncated"]:
        yield f"{pluralize(result['truncated'], 'candidate')} truncated by a length limit (--max-tokens or the budget)."
    if result["unscored"]:
        yield f"{pluralize(result['unscored'], 'path')} without a score."
    if result["failed"]:
        yield f"{pluralize(len(result['failed']), 'sample')} failed. First error: {result['failed'][0]}"


def _rounded(value: Any) -> Any:
    """Round every float; what JSON cannot represent (NaN, infinity) becomes null."""
    if isinstance(value, float):
        return round(value, _DIGITS) if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: _rounded(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_rounded(item) for item in value]
    return value
