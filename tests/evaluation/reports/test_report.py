"""Curves, gains, pictures and the report, of outcomes whose numbers are known."""

import re
import subprocess
import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from its_graph.budget import Budget, Spend
from its_graph.catalog.strategy_config import StrategyConfig
from its_graph.context import SearchContext
from its_graph.errors import ConfigurationError
from its_graph.evaluation import GridCell, Outcome
from its_graph.evaluation.pools import oracle_bins, widest_pools
from its_graph.evaluation.reports.curve_labels import spread_labels
from its_graph.evaluation.reports.page import Section, Table, write_report_page
from its_graph.evaluation.reports.paired_gains import paired_gains
from its_graph.evaluation.reports.plots import draw_plots, save_plots
from its_graph.evaluation.reports.report import Provenance, write_report
from its_graph.evaluation.reports.series import AXES, on_shared_problems, build_series

Made = Callable[..., Outcome]
Grid = dict[GridCell, list[Outcome]]

GENERATED, TOKENS, FLOPS, SECONDS = AXES
ORIGIN = Provenance("its-graph eval --n 4,8", "embedded", "embedded", 3, "2030-01-02T03:04:05+00:00")


def arm(strategy: str, tokens: int | None = None, **options: int) -> GridCell:
    context = SearchContext(budget=Budget(tokens=tokens))
    return GridCell(StrategyConfig(strategy=strategy, options=options), context)


SINGLE, VOTE4, VOTE8 = arm("single"), arm("self_consistency", n=4), arm("self_consistency", n=8)
BEST4, BEST8 = arm("best_of_n", n=4), arm("best_of_n", n=8)


@pytest.fixture
def grid(made: Made) -> Grid:
    """Problem i of 10 is right in i of 10 samples; best_of_n finds a right one wherever the vote does not."""

    def outcomes(one: GridCell, right: Callable[[int], bool]) -> list[Outcome]:
        drawn = {index: [place * 10 < index * one.n for place in range(one.n)] for index in range(10)}
        spend = Spend(calls=one.n, generated_tokens=10 * one.n, flops=1000.0 * one.n)
        return [made(index, *drawn[index], correct=right(index), spend=spend) for index in range(10)]

    return {
        SINGLE: outcomes(SINGLE, lambda index: index > 7),
        VOTE4: outcomes(VOTE4, lambda index: index > 5),
        VOTE8: outcomes(VOTE8, lambda index: index > 4),
        BEST4: outcomes(BEST4, lambda index: index > 2),
        BEST8: outcomes(BEST8, lambda index: index > 1),
    }


def test_a_strategy_at_several_widths_is_a_curve(grid: Grid) -> None:
    curves = build_series(grid, GENERATED)
    assert [one.name for one in curves] == ["single", "self_consistency", "best_of_n"]
    assert [(point.cost, point.row.accuracy) for point in curves[2].points] == [(40, 0.7), (80, 0.8)]
    hard = build_series(grid, FLOPS, among=range(3))
    assert [(point.cost, point.row.accuracy) for point in hard[2].points] == [(4000, 0.0), (8000, pytest.approx(1 / 3))]


def test_budgets_are_a_curve_where_there_is_one_width(made: Made) -> None:
    two = [made(0, True, False)]
    over_budgets = {arm("best_of_n", 500, n=8): two, arm("best_of_n", 90, n=8): two, arm("dvts", 90, n=8, width=2): two}
    assert [(one.name, len(one.points)) for one in build_series(over_budgets, GENERATED)] == [
        ("best_of_n", 2),
        ("dvts width=2", 1),
    ]
    over_widths = {arm("best_of_n", 500, n=8): two, arm("best_of_n", 500, n=4): two, arm("best_of_n", 90, n=8): two}
    assert [(one.name, len(one.points)) for one in build_series(over_widths, GENERATED)] == [
        ("best_of_n, at most 500 tokens", 2),
        ("best_of_n, at most 90 tokens", 1),
    ]


def test_a_search_that_reused_samples_has_no_time(made: Made) -> None:
    assert build_series({SINGLE: [made(0, True, reused=1)]}, SECONDS) == []
    assert build_series({SINGLE: [made(0, True)]}, SECONDS)[0].points[0].cost == 0.5


def test_a_run_that_was_stopped_is_reported_on_what_all_have_ended(made: Made) -> None:
    measured = {SINGLE: [made(0, True), made(2, True)], VOTE4: [made(2, True), made(1, True)], BEST4: []}
    assert {one: [each.index for each in found] for one, found in on_shared_problems(measured).items()} == {
        SINGLE: [2],
        VOTE4: [2],
    }
    assert on_shared_problems({SINGLE: [made(0, True)], VOTE4: [made(1, True)]}) == {}
    assert on_shared_problems({}) == {}


def test_gains_are_over_the_strategy_before_at_the_same_width(grid: Grid) -> None:
    found = {one.arm: (one.over, round(one.difference.mean, 6)) for one in paired_gains(grid)}
    assert found == {VOTE4: (SINGLE, 0.2), VOTE8: (VOTE4, 0.1), BEST4: (VOTE4, 0.3), BEST8: (VOTE8, 0.3)}


def test_labels_are_spread_no_more_than_they_need() -> None:
    assert spread_labels([0.1, 0.5, 0.9], 0.1) == [0.1, 0.5, 0.9]
    assert spread_labels([0.1, 0.1, 0.5], 0.1) == pytest.approx([0.1, 0.2, 0.5])
    assert spread_labels([0.95, 0.95, 0.98], 0.1) == pytest.approx([0.8, 0.9, 1.0])
    assert spread_labels([], 0.1) == []


# --- pictures ----------------------------------------------------------------------------------------------------


@pytest.fixture
def _plots() -> None:
    pytest.importorskip("matplotlib", reason="the extra plots is not installed")


@pytest.mark.usefixtures("_plots")
def test_pictures_show_the_costs_that_all_have(grid: Grid, made: Made) -> None:
    found = widest_pools(grid)
    assert found is not None
    assert found[0] == VOTE8
    names = [one.name for one in draw_plots(grid, found, oracle_bins(found[1]))]
    assert names == ["generated_tokens", "tokens", "flops", "seconds", "bins"]
    grid[BEST4] = [one.model_copy(update={"reused": 1}) for one in grid[BEST4]]
    assert [one.name for one in draw_plots(grid)] == ["generated_tokens", "tokens", "flops"]


@pytest.mark.usefixtures("_plots")
def test_a_picture_has_every_point_and_a_label_for_each_curve(grid: Grid) -> None:
    (axes,) = draw_plots(grid, widest_pools(grid))[0].figure.axes
    lines = {str(line.get_label()): line for line in axes.get_lines()}
    points: Any = lines["best_of_n"].get_xydata()
    assert points.tolist() == [[40, pytest.approx(70)], [80, pytest.approx(80)]]
    assert axes.get_xscale() == "log"
    texts = {text.get_text() for text in axes.texts}
    assert texts == {"single", "self_consistency", "best_of_n", "pass@n (oracle)"}


@pytest.mark.usefixtures("_plots")
def test_labels_do_not_run_into_each_other(made: Made) -> None:
    same = {arm(name): [made(0, True, False), made(1, False)] for name in ("single", "pdr", "dvts", "mcts", "rebase")}
    (axes,) = draw_plots(same)[0].figure.axes
    heights = sorted(text.xyann[1] for text in axes.texts if hasattr(text, "xyann"))
    assert all(above - below > 0.05 for below, above in pairwise(heights))


@pytest.mark.usefixtures("_plots")
def test_pictures_are_written_for_print_and_the_same_every_time(grid: Grid, tmp_path: Path) -> None:
    first = save_plots(draw_plots(grid), tmp_path / "a")
    second = save_plots(draw_plots(grid), tmp_path / "b")
    assert {path.suffix for path in first} == {".png", ".svg"}
    for one, other in zip(first, second, strict=True):
        assert one.read_bytes() == other.read_bytes()
    assert ElementTree.parse(tmp_path / "a" / "flops.svg").getroot().tag.endswith("svg")


# --- the report --------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("_plots")
@pytest.mark.parametrize("ending", ["md", "html"])
def test_a_report_is_whole_in_one_file(grid: Grid, tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"report.{ending}"
    write_report(path, grid, ORIGIN)
    assert [one.name for one in tmp_path.iterdir()] == [path.name]
    text = path.read_text()
    for told in ("self_consistency n=8", "80.0 [49.0, 94.3]", ORIGIN.command, "langgraph 1.", ORIGIN.date, "bin 5 (2)"):
        assert told in text
    assert text.count("<svg" if ending == "html" else "data:image/png") == 5
    assert not re.search(r"""(src|href)=["'](?!#|data:)""", text)


@pytest.mark.usefixtures("_plots")
def test_a_report_tells_how_many_problems_have_no_difficulty(grid: Grid, made: Made, tmp_path: Path) -> None:
    path = tmp_path / "report.md"
    write_report(path, grid, ORIGIN)
    assert "left out" not in path.read_text()
    write_report(path, {one: [made(0, error="lost"), *outcomes[1:]] for one, outcomes in grid.items()}, ORIGIN)
    assert "Problems left out, as every sample of them failed: 1." in path.read_text()
    flaky = {one: [made(0, True, failures=7), made(1), *outcomes[2:]] for one, outcomes in grid.items()}
    write_report(path, flaky, ORIGIN)
    told = "as every sample of them failed: 1. Problems left out, as failures left them fewer than 4 samples: 1."
    assert told in path.read_text()


@pytest.mark.usefixtures("_plots")
def test_a_report_without_pools_has_no_bins(made: Made, tmp_path: Path) -> None:
    write_report(tmp_path / "report.md", {SINGLE: [made(0, True)]}, ORIGIN)
    text = (tmp_path / "report.md").read_text()
    assert "By difficulty" not in text
    assert "## Cost" in text


def test_a_page_says_nothing_that_its_text_would_mark_up(tmp_path: Path) -> None:
    sections = [Section("a < b", "1 & 2", (Table(("x", "y|z"), (("<i>", "4"),)),), verbatim="if a < b")]
    write_report_page(tmp_path / "page.html", "A & B", sections)
    assert "<h2>a &lt; b</h2>\n<p>1 &amp; 2</p>" in (tmp_path / "page.html").read_text()
    assert "<td>&lt;i&gt;</td><td>4</td>" in (tmp_path / "page.html").read_text()
    write_report_page(tmp_path / "page.md", "A & B", sections)
    assert "| x | y\\|z |\n| --- | ---: |\n| <i> | 4 |" in (tmp_path / "page.md").read_text()


def test_other_endings_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"report\.pdf"):
        write_report_page(tmp_path / "report.pdf", "", [])


def test_the_evaluation_is_light_to_import() -> None:
    heavy = "{'matplotlib', 'numpy', 'torch', 'reasoning_gym'} & set(sys.modules)"
    program = f"import sys, its_graph.evaluation, its_graph.evaluation.reports.report; print(*{heavy})"
    command = [sys.executable, "-c", program]
    root = Path(__file__).parents[3]
    assert subprocess.run(command, check=True, cwd=root, capture_output=True, text=True).stdout.split() == []
