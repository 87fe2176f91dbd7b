"""The summary of a batch, added up line by line, as data and as text."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from its_graph.budget import Spend
from its_graph.cli.display.formatting import format_count, pluralize
from its_graph.statistics import wilson

__all__ = ["BatchTotals", "summarize_batch", "summary_lines"]


class BatchTotals(NamedTuple):
    """Totals over the problems that were tried."""

    problems: int = 0
    unanswered: int = 0
    failed: int = 0
    samples: int = 0
    graded: int = 0
    """Problems whose expected answer is known."""
    correct: int = 0

    @property
    def answered(self) -> int:
        """Problems with an answer."""
        return self.problems - self.unanswered

    def plus(self, line: dict[str, Any]) -> "BatchTotals":
        """Return the totals with one more line of the answer file."""
        return BatchTotals(
            self.problems + 1,
            self.unanswered + (line["answer"] is None),
            self.failed + ("error" in line),
            self.samples + line["samples"],
            self.graded + ("correct" in line),
            self.correct + line.get("correct", False),
        )


def summarize_batch(totals: BatchTotals, problems: int, out: Path, *, spent: Spend, lost: Spend) -> dict[str, Any]:
    """Return the summary as plain data.

    Args:
        totals: of the answers.
        problems: problems of the batch, answered or not.
        out: the file of the answers.
        spent: on all samples, including those of problems without an answer yet.
        lost: upper bound of what was spent on samples that never finished; it counts against the budget as well.
    """
    summary = {
        "problems": problems,
        "answered": totals.answered,
        "failed": totals.failed,
        "samples": totals.samples,
        "tokens": spent.tokens,
        "lost_tokens": lost.tokens,
        "out": str(out),
    }
    if totals.graded:
        summary |= {"accuracy": totals.correct / totals.graded, "ci95": wilson(totals.correct, totals.graded)}
    return summary


def summary_lines(summary: dict[str, Any]) -> Iterator[str]:
    """Yield the lines of a summary for people."""
    failed = f" ({format_count(summary['failed'])} failed)" if summary["failed"] else ""
    yield f"answered  {format_count(summary['answered'])} of {pluralize(summary['problems'], 'problem')}{failed}"
    if "accuracy" in summary:
        low, high = summary["ci95"]
        yield f"accuracy  {summary['accuracy']:.1%} [{low:.1%}, {high:.1%}]"
    mean = summary["samples"] / summary["problems"]
    yield f"samples   {format_count(summary['samples'])} ({mean:.1f} per problem)"
    yield f"spend     {pluralize(summary['tokens'], 'token')}"
    if lost := summary["lost_tokens"]:
        yield f"lost      at most {pluralize(lost, 'token')}, on samples that never finished"
    yield f"output    {summary['out']}"
