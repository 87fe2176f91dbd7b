"""The summary of a batch: added up line by line, told as data or in words."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from its_graph.budget import Spend
from its_graph.cli.display.formatting import count, counted
from its_graph.statistics import wilson

__all__ = ["BatchTotals", "in_words", "summary_of"]


class BatchTotals(NamedTuple):
    """What is known of all problems together that were tried."""

    problems: int = 0
    unanswered: int = 0
    failed: int = 0
    samples: int = 0
    judged: int = 0
    """Problems whose right answer is known."""
    right: int = 0

    @property
    def answered(self) -> int:
        """Problems that have an answer."""
        return self.problems - self.unanswered

    def plus(self, line: dict[str, Any]) -> "BatchTotals":
        """Return the tally with one more answer."""
        return BatchTotals(
            self.problems + 1,
            self.unanswered + (line["answer"] is None),
            self.failed + ("error" in line),
            self.samples + line["samples"],
            self.judged + ("right" in line),
            self.right + line.get("right", False),
        )


def summary_of(tally: BatchTotals, problems: int, out: Path, *, spent: Spend, lost: Spend) -> dict[str, Any]:
    """Return what came out and what it cost, as plain data.

    Args:
        tally: of the answers.
        problems: of the batch, answered or not.
        out: where the answers stand.
        spent: on all samples, those of problems without an answer yet included.
        lost: the most that was spent on what never came; it counts against the budget as well.
    """
    summary = {
        "problems": problems,
        "answered": tally.answered,
        "failed": tally.failed,
        "samples": tally.samples,
        "tokens": spent.tokens,
        "lost_tokens": lost.tokens,
        "out": str(out),
    }
    if tally.judged:
        summary |= {"accuracy": tally.right / tally.judged, "ci95": wilson(tally.right, tally.judged)}
    return summary


def in_words(summary: dict[str, Any]) -> Iterator[str]:
    """Yield the lines of a summary for people."""
    failed = f" ({count(summary['failed'])} failed)" if summary["failed"] else ""
    yield f"answered  {count(summary['answered'])} of {counted(summary['problems'], 'problem')}{failed}"
    if "accuracy" in summary:
        low, high = summary["ci95"]
        yield f"accuracy  {summary['accuracy']:.1%} [{low:.1%}, {high:.1%}]"
    mean = summary["samples"] / summary["problems"]
    yield f"samples   {count(summary['samples'])}, {mean:.1f} a problem"
    yield f"spent     {counted(summary['tokens'], 'token')}"
    if lost := summary["lost_tokens"]:
        yield f"lost      {counted(lost, 'token')} at most, on samples that were begun and never finished"
    yield f"written   {summary['out']}"
