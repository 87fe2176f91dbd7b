"""The final report: one JSON object, or words for people (a panel on a terminal, plain lines elsewhere)."""

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from rich.console import Console
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from its_graph.budget import Spend
from its_graph.cli.display.formatting import TIMES, counted, one_line, readable, spend_text

__all__ = ["print_report", "result_json"]

_DIGITS = 6
"""Decimals of a score: batched arithmetic may differ in the last bits, and those say nothing."""

_VOTES = 6
"""Answers named in the report; the JSON object has them all."""

_STOPPED = {
    "completed": "it was complete",
    "agreement": "the answers agree",
    "budget": "the budget is used up",
    "max_steps": "the paths reached --max-steps",
    "recursion_limit": "LangGraph's recursion_limit left no room for another round",
    "failures": "no path could be continued: the calls failed",
    "no_open_path": "no path is open",
    "interrupted": "interrupted",
    "steered": "it was told to",
}


def result_json(problem: str, result: Mapping[str, Any]) -> str:
    """Return one JSON object: the result of a search behind its problem. Equal searches give equal objects.

    `spend.seconds` is the one value that differs from run to run.
    """
    return json.dumps(_rounded({"problem": problem, **result}), indent=2, allow_nan=False)


def print_report(console: Console, result: Mapping[str, Any]) -> None:
    """Print the answer, the votes, what it cost, why it stopped, and what else there is to know.

    Off a terminal every line stays whole, however long: other programs read it.
    """
    answer = "none" if result["answer"] is None else one_line(result["answer"])
    solution = readable(result["text"] or "").strip()
    if console.is_terminal:
        console.print(_panel(answer, solution, found=result["answer"] is not None))
        console.print(_table(_facts(result)))
        return
    lines = [f"{name:<9} {fact}" for name, fact in (("answer", answer), *_facts(result))]
    for line in [*([solution, ""] if solution else []), *lines]:
        console.print(Text(line), soft_wrap=True)


def _panel(answer: str, solution: str, *, found: bool) -> Panel:
    steps = "\n".join(filter(str.strip, solution.splitlines()))
    text = Text.assemble((answer, "bold green" if found else "bold red"), f"\n\n{steps}" if steps else "")
    return Panel(text, title="answer", title_align="left", border_style="green" if found else "red", expand=False)


def _table(facts: Iterable[tuple[str, str]]) -> Table:
    table = Table.grid(padding=(0, 2, 0, 0))
    for name, fact in facts:
        table.add_row(Text(name, style="dim"), Text(fact))
    return table


def _facts(result: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    if votes := result["votes"]:
        tie = " (a tie: the first to appear won)" if result["tie"] else ""
        more = f", and {len(votes) - _VOTES} more" if len(votes) > _VOTES else ""
        yield "votes", ", ".join(map(_vote, votes[:_VOTES])) + more + tie
    if route := result.get("route"):
        yield "route", f"{one_line(route['config'])}, for a difficulty of {route['difficulty']:.2f}"
    yield (
        "search",
        f"{result['strategy']}, seed {result['seed']}, {counted(len(result['candidates']), 'candidate')}",
    )
    yield "stopped", _STOPPED.get(result["stop_reason"], result["stop_reason"])
    yield "spent", spend_text(Spend(**result["spend"]))
    for note in _notes(result):
        yield "note", one_line(note)


def _vote(vote: Mapping[str, Any]) -> str:
    weight = "" if vote["weight"] == vote["count"] else f" (weight {vote['weight']:.3g})"
    return f"{one_line(vote['answer'])} {TIMES}{vote['count']}{weight}"


def _notes(result: Mapping[str, Any]) -> Iterator[str]:
    yield from result["notes"]
    if result["abstained"]:
        yield f"{counted(result['abstained'], 'candidate')} did not vote (unfinished, or without an answer)."
    if result["truncated"]:
        yield f"{counted(result['truncated'], 'candidate')} cut off by a length limit (--max-tokens, or the budget)."
    if result["unscored"]:
        yield f"Without a score: {counted(result['unscored'], 'path')}."
    if result["failed"]:
        yield f"{counted(len(result['failed']), 'sample')} failed. The first: {result['failed'][0]}"


def _rounded(value: Any) -> Any:
    """Round every float; what JSON cannot write (NaN, infinity) becomes null."""
    if isinstance(value, float):
        return round(value, _DIGITS) if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: _rounded(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_rounded(item) for item in value]
    return value
