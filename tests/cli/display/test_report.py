"""The final report, as JSON and as text."""

import io
import json
import math
from typing import Any, cast

import pytest
from rich.console import Console

from its_graph.budget import Spend
from its_graph.cli.display.formatting import format_duration, format_flops, format_spend, pluralize, score_style
from its_graph.cli.display.report import print_report, result_json
from its_graph.search.result import SearchResult
from its_graph.text.printable import one_line, readable


def result(**changes: Any) -> SearchResult:
    fields = {
        "answer": "19",
        "text": "a\n\n\\boxed{19}",
        "strategy": "best_of_n",
        "seed": 7,
        "stop_reason": "completed",
        "candidates": [],
        "votes": [{"answer": "19", "count": 2, "weight": 2.0}],
        "tie": False,
        "abstained": 0,
        "truncated": 0,
        "unscored": 0,
        "failed": [],
        "notes": [],
        "spend": Spend()._asdict(),
    }
    return cast(SearchResult, fields | changes)


def printed(search_result: SearchResult, *, terminal: bool = False, width: int = 80) -> str:
    file = io.StringIO()
    console = Console(file=file, width=width, force_terminal=terminal, color_system=None)
    print_report(console, search_result)
    return file.getvalue()


def test_floats_are_rounded_and_what_json_cannot_represent_is_null() -> None:
    noisy = result(candidates=[{"score": 0.1 + 0.2}, {"score": math.inf}, {"score": math.nan}])
    assert [one["score"] for one in json.loads(result_json("p", noisy))["candidates"]] == [0.3, None, None]
    assert result_json("p", noisy) == result_json(
        "p", result(candidates=[{"score": 0.3}, {"score": None}, {"score": None}])
    )


def test_a_route_is_one_line() -> None:
    route = {"difficulty": 0.625, "estimator": "verifier", "bin": 2, "config": "beam_search n=8", "reason": "..."}
    assert "route        beam_search n=8 (difficulty 0.62)\n" in printed(result(route=route))
    assert "route" not in printed(result())


def test_every_loss_is_reported() -> None:
    lost = result(tie=True, abstained=1, truncated=2, unscored=3, failed=["E: a\nb", "c"], notes=["N."])
    text = printed(lost)
    assert "votes        19 \N{MULTIPLICATION SIGN}2 (tie: the answer drawn first won)\n" in text
    notes = [line.removeprefix("note         ") for line in text.splitlines() if line.startswith("note")]
    assert notes == [
        "N.",
        "1 candidate did not vote (unfinished, or without an answer).",
        "2 candidates truncated by a length limit (--max-tokens or the budget).",
        "3 paths without a score.",
        "2 samples failed. First error: E: a b",
    ]


def test_lines_stay_whole_off_a_terminal_and_wrap_on_one() -> None:
    long = result(notes=["word " * 40])
    assert max(map(len, printed(long, width=40).splitlines())) > 100
    assert max(map(len, printed(long, width=40, terminal=True).splitlines())) <= 40


def test_only_the_first_votes_are_listed() -> None:
    votes = [{"answer": str(number), "count": 1, "weight": 0.5} for number in range(9)]
    assert "5 \N{MULTIPLICATION SIGN}1 (weight 0.5), and 3 more\n" in printed(result(votes=votes))


def test_no_answer() -> None:
    nothing = result(answer=None, text=None, votes=[])
    assert printed(nothing).startswith("answer       none\n")
    assert "none" in printed(nothing, terminal=True)


@pytest.mark.parametrize(
    ("flops", "text"),
    [(0, "0 FLOP"), (999, "999 FLOP"), (999.6, "1 kFLOP"), (1.234e12, "1.23 TFLOP"), (5e30, "5e+06 YFLOP")],
)
def test_format_flops(flops: float, text: str) -> None:
    assert format_flops(flops) == text


def test_formatting() -> None:
    assert [pluralize(number, "call") for number in (0, 1, 1200)] == ["0 calls", "1 call", "1,200 calls"]
    assert [format_duration(seconds) for seconds in (0.04, 99.9, 200.4)] == ["0.0 s", "99.9 s", "3 min 20 s"]
    assert [score_style(score) for score in (None, 0.7, 0.69, 0.4, 0.39, -3)] == [
        "dim",
        "green",
        "yellow",
        "yellow",
        "red",
        "red",
    ]
    assert (
        format_spend(Spend(1, 2, 1, 3, 4, 0.5))
        == "1 call · 2 prompt (1 cached) + 3 generated + 4 verifier tokens · 0.5 s"
    )
    assert readable("a\tb\nc\x1b\x00\ud800 답") == "a    b\nc 답"
    assert one_line(" a \n\n b\r\x1b[0m ") == "a b[0m"
