"""The table of samples: one row per answer, never higher than allowed."""

import io

import pytest
from rich.console import Console

from its_graph.cli.display.sample_table import sample_table
from its_graph.search.tree import Finalist


def finalist(number: int, answer: str | None, score: float | None = None, *, finished: bool = True) -> Finalist:
    return Finalist(str(number), f"text {number}", answer, score, finished, False)


def drawn(finalists: list[Finalist], winner: str | None = None, width: int = 80, height: int = 20) -> list[str]:
    console = Console(file=io.StringIO(), width=width)
    with console.capture() as capture:
        console.print(sample_table(finalists, winner, width=width, height=height))
    return [line.rstrip() for line in capture.get().splitlines()]


@pytest.mark.parametrize(("height", "left_out"), [(9, None), (8, 2), (5, 5), (3, 7)])
def test_what_does_not_fit_is_counted(height: int, left_out: int | None) -> None:
    lines = drawn([finalist(number, str(number)) for number in range(8)], height=height)
    assert len(lines) == height
    assert ("more" in lines[-1]) is (left_out is not None)
    if left_out is not None:
        assert f"… {left_out} more" in lines[-1]


def test_equal_answers_share_a_row_that_shows_the_best_one() -> None:
    samples = [
        finalist(0, "1/2", -3.0),
        finalist(1, "0.5", -1.0),
        finalist(2, "7", None),
        finalist(3, None, -2.0),
    ]
    head, first, second, none = drawn(samples, "0.5")
    assert head.split() == ["answer", "count", "share", "best", "mean", "solution"]
    assert first.split() == ["★", "0.5", "2", "█" * 12, "-1.00", "-2.00", "text", "1"]
    assert second.split() == ["7", "1", "█" * 6, "text", "2"]
    assert none.split() == ["none", "1", "█" * 6, "-2.00", "-2.00", "text", "3"]


def test_an_unfinished_sample_has_no_answer_yet() -> None:
    assert drawn([finalist(0, "7", finished=False)])[1].split()[0] == "none"


def test_a_narrow_terminal_gets_fewer_columns() -> None:
    lines = drawn([finalist(0, "7", 0.5)], width=40)
    assert lines[0].split() == ["answer", "count", "best", "solution"]
    assert max(map(len, lines)) <= 40
