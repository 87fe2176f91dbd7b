"""The final report: one JSON object, or words for people (a panel on a terminal, plain lines elsewhere)."""

import json
import math
from collections.abc import Iterator, Mapping
from typing import Any

from rich.console import Console
from rich.panel import Panel
from rich.text import Text

from its_graph.budget import Spend
from its_graph.cli.wording import TIMES, counted, one_line, readable, spend_text

__all__ = ["as_json", "print_report"]

_DIGITS = 6
"""Decimals of a score: batched arithmetic may differ in the last bits, and those say nothing."""

_STOPPED = {
    "completed": "it was complete",
    "agreement": "the answers agree",
    "budget": "the budget is used up",
    "max_steps": "the paths reached --max-steps",
    "interrupted": "interrupted",
}


def as_json(problem: str, result: Mapping[str, Any]) -> str:
    """Return one JSON object: the result of a search behind its problem. Equal searches give equal objects.

    `spend.seconds` is the one value that differs from run to run.
    """
    return json.dumps(_rounded({"problem": problem, **result}), indent=2, allow_nan=False)


def print_report(console: Console, result: Mapping[str, Any]) -> None:
    """Print the answer, the votes, what it cost, why it stopped, and what else there is to know."""
    if console.is_terminal:
        console.print(
            Panel(_solution(result), title="answer", title_align="left", border_style="green", expand=False)
        )
    else:
        _lines(console, _plain_solution(result))
    _lines(console, _facts(result))


def _solution(result: Mapping[str, Any]) -> Text:
    answer = result["answer"]
    text = Text(
        "no answer" if answer is None else one_line(answer), style="bold green" if answer else "bold red"
    )
    if result["text"]:
        text.append("\n\n" + readable(result["text"]).strip(), style="not bold default")
    return text


def _plain_solution(result: Mapping[str, Any]) -> Iterator[str]:
    if result["text"]:
        yield readable(result["text"]).strip() + "\n"
    yield f"answer    {'none' if result['answer'] is None else one_line(result['answer'])}"


def _facts(result: Mapping[str, Any]) -> Iterator[str]:
    if result["votes"]:
        tie = " (a tie: the first to appear won)" if result["tie"] else ""
        yield f"votes     {', '.join(map(_vote, result['votes'][:6]))}{tie}{_more(result['votes'][6:])}"
    yield f"search    {result['strategy']}, seed {result['seed']}, {counted(len(result['candidates']), 'candidate')}"
    yield f"stopped   {_STOPPED.get(result['stop_reason'], result['stop_reason'])}"
    yield f"spent     {spend_text(Spend(**result['spend']))}"
    for note in _notes(result):
        yield f"note      {one_line(note)}"


def _vote(vote: Mapping[str, Any]) -> str:
    weight = "" if vote["weight"] == vote["count"] else f" (weight {vote['weight']:.2f})"
    return f"{one_line(vote['answer'])} {TIMES}{vote['count']}{weight}"


def _more(rest: list[Any]) -> str:
    return f", and {len(rest)} more" if rest else ""


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


def _lines(console: Console, lines: Any) -> None:
    for line in lines:
        console.print(Text(line), soft_wrap=True)


def _rounded(value: Any) -> Any:
    """Round every float; what JSON cannot write (NaN, infinity) becomes null."""
    if isinstance(value, float):
        return round(value, _DIGITS) if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: _rounded(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_rounded(item) for item in value]
    return value
