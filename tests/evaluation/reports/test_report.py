"""Curves, gains, plots and the report of outcomes with known numbers."""

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
from its_graph.evaluation.reports.series import AXES, build_series, on_shared_problems

MakeOutcome = Callable[..., Outcome]
Grid = dict[GridCell, list[Outcome]]

GENERATED, TOKENS, FLOPS, SECONDS = AXES
PROVENANCE = Provenance("its-graph eval --n 4,8", "embedded", "embedded", 3, "2030-01-02T03:04:05+00:00")


def cell(strategy: str, tokens: int | None = None, **options: int) -> GridCell:
    context = SearchContext(budget=Budget(tokens=tokens))
    return GridCell(StrategyConfig(strategy=strategy, options=options), context)


SINGLE, VOTE4, VOTE8 = cell("single"), cell("self_consistency", n=4), cell("self_consistency", n=8)
BEST4, BEST8 = cell("best_of_n", n=4), cell("best_of_n", n=8)


@pytest.fixture
def grid(make_outcome: MakeOutcome) -> Grid:
    """Problem i of 10 has i of 10 correct samples; best_of_n finds a correct one more often than the vote."""

    def outcomes(cell: GridCell, is_correct: Callable[[int], bool]) -> list[Outcome]:
        drawn = {index: [number * 10 < index * cell.n for number in range(cell.n)] for index in range(10)}
        spend = Spend(calls=cell.n, generated_tokens=10 * cell.n, flops=1000.0 * cell.n)
        return [make_outcome(index, *drawn[index], correct=is_correct(index), spend=spend) for index in range(10)]

    return {
        SINGLE: outcomes(SINGLE, lambda index: index > 7),
        VOTE4: outcomes(VOTE4, lambda index: index > 5),
        VOTE8: outcomes(VOTE8, lambda index: index > 4),
        BEST4: outcomes(BEST4, lambda index: index > 2),
        BEST8: outcomes(BEST8, lambda index: index > 1),
    }


def test_a_strategy_at_several_widths_is_a_curve(grid: Grid) -> None:
    curves = build_series(grid, GENERATED)
    assert [curve.name for curve in curves] == ["single", "self_consistency", "best_of_n"]
    assert [(point.cost, point.row.accuracy) for point in curves[2].points] == [(40, 0.7), (80, 0.8)]
    hard = build_series(grid, FLOPS, problems=range(3))
    assert [(point.cost, point.row.accuracy) for point in hard[2].points] == [(4000, 0.0), (8000, pytest.approx(1 / 3))]


def test_budgets_are_a_curve_if_there_is_one_width(make_outcome: MakeOutcome) -> None:
    two = [make_outcome(0, True, False)]
    over_budgets = {
        cell("best_of_n", 500, n=8): two,
        cell("best_of_n", 90, n=8): two,
        cell("dvts", 90, n=8, width=2): two,
    }
    assert [(curve.name, len(curve.points)) for curve in build_series(over_budgets, GENERATED)] == [
        ("best_of_n", 2),
        ("dvts width=2", 1),
    ]
    over_widths = {cell("best_of_n", 500, n=8): two, cell("best_of_n", 500, n=4): two, cell("best_of_n", 90, n=8): two}
    assert [(curve.name, len(curve.points)) for curve in build_series(over_widths, GENERATED)] == [
        ("best_of_n, at most 500 tokens", 2),
        ("best_of_n, at most 90 tokens", 1),
    ]


def test_a_search_that_reused_samples_has_no_time(make_outcome: MakeOutcome) -> None:
    assert build_series({SINGLE: [make_outcome(0, True, reused=1)]}, SECONDS) == []
    assert build_series({SINGLE: [make_outcome(0, True)]}, SECONDS)[0].points[0].cost == 0.5


def test_a_stopped_run_is_reported_on_the_problems_that_all_cells_completed(make_outcome: MakeOutcome) -> None:
    measured = {
        SINGLE: [make_outcome(0, True), make_outcome(2, True)],
        VOTE4: [make_outcome(2, True), make_outcome(1, True)],
        BEST4: [],
    }
    assert {
        cell: [outcome.index for outcome in outcomes] for cell, outcomes in on_shared_problems(measured).items()
    } == {
        SINGLE: [2],
        VOTE4: [2],
    }
    assert on_shared_problems({SINGLE: [make_outcome(0, True)], VOTE4: [make_outcome(1, True)]}) == {}
    assert on_shared_problems({}) == {}


def test_gains_are_over_the_previous_strategy_at_the_same_width(grid: Grid) -> None:
    gains = {gain.cell: (gain.baseline, round(gain.difference.mean, 6)) for gain in paired_gains(grid)}
    assert gains == {VOTE4: (SINGLE, 0.2), VOTE8: (VOTE4, 0.1), BEST4: (VOTE4, 0.3), BEST8: (VOTE8, 0.3)}


def test_labels_are_spread_no_more_than_necessary() -> None:
    assert spread_labels([0.1, 0.5, 0.9], 0.1) == [0.1, 0.5, 0.9]
    assert spread_labels([0.1, 0.1, 0.5], 0.1) == pytest.approx([0.1, 0.2, 0.5])
    assert spread_labels([0.95, 0.95, 0.98], 0.1) == pytest.approx([0.8, 0.9, 1.0])
    assert spread_labels([], 0.1) == []


# --- plots -------------------------------------------------------------------------------------------------------


@pytest.fixture
def _plots() -> None:
    pytest.importorskip("matplotlib", reason="the extra plots is not installed")


@pytest.mark.usefixtures("_plots")
def test_plots_show_the_costs_that_all_cells_have(grid: Grid, make_outcome: MakeOutcome) -> None:
    widest = widest_pools(grid)
    assert widest is not None
    assert widest[0] == VOTE8
    names = [plot.name for plot in draw_plots(grid, widest, oracle_bins(widest[1]))]
    assert names == ["generated_tokens", "tokens", "flops", "seconds", "bins"]
    grid[BEST4] = [outcome.model_copy(update={"reused": 1}) for outcome in grid[BEST4]]
    assert [plot.name for plot in draw_plots(grid)] == ["generated_tokens", "tokens", "flops"]


@pytest.mark.usefixtures("_plots")
def test_a_plot_has_every_point_and_a_label_for_each_curve(grid: Grid) -> None:
    (axes,) = draw_plots(grid, widest_pools(grid))[0].figure.axes
    lines = {str(line.get_label()): line for line in axes.get_lines()}
    points: Any = lines["best_of_n"].get_xydata()
    assert points.tolist() == [[40, pytest.approx(70)], [80, pytest.approx(80)]]
    assert axes.get_xscale() == "log"
    texts = {text.get_text() for text in axes.texts}
    assert texts == {"single", "self_consistency", "best_of_n", "pass@n (oracle)"}


@pytest.mark.usefixtures("_plots")
def test_labels_do_not_overlap(make_outcome: MakeOutcome) -> None:
    same = {
        cell(name): [make_outcome(0, True, False), make_outcome(1, False)]
        for name in ("single", "pdr", "dvts", "mcts", "rebase")
    }
    (axes,) = draw_plots(same)[0].figure.axes
    heights = sorted(text.xyann[1] for text in axes.texts if hasattr(text, "xyann"))
    assert all(above - below > 0.05 for below, above in pairwise(heights))


@pytest.mark.usefixtures("_plots")
def test_plots_are_written_as_png_and_svg_reproducibly(grid: Grid, tmp_path: Path) -> None:
    first = save_plots(draw_plots(grid), tmp_path / "a")
    second = save_plots(draw_plots(grid), tmp_path / "b")
    assert {path.suffix for path in first} == {".png", ".svg"}
    for path, same_path in zip(first, second, strict=True):
        assert path.read_bytes() == same_path.read_bytes()
    assert ElementTree.parse(tmp_path / "a" / "flops.svg").getroot().tag.endswith("svg")


# --- the report --------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("_plots")
@pytest.mark.parametrize("ending", ["md", "html"])
def test_a_report_is_self_contained(grid: Grid, tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"report.{ending}"
    write_report(path, grid, PROVENANCE)
    assert [file.name for file in tmp_path.iterdir()] == [path.name]
    report = path.read_text()
    for text in (
        "self_consistency n=8",
        "80.0 [49.0, 94.3]",
        PROVENANCE.command,
        "langgraph 1.",
        PROVENANCE.date,
        "bin 5 (2)",
    ):
        assert text in report
    assert report.count("<svg" if ending == "html" else "data:image/png") == 5
    assert not re.search(r"""(src|href)=["'](?!#|data:)""", report)


@pytest.mark.usefixtures("_plots")
def test_a_report_says_how_many_problems_have_no_difficulty(
    grid: Grid, make_outcome: MakeOutcome, tmp_path: Path
) -> None:
    path = tmp_path / "report.md"
    write_report(path, grid, PROVENANCE)
    assert "omitted" not in path.read_text()
    write_report(
        path, {cell: [make_outcome(0, error="lost"), *outcomes[1:]] for cell, outcomes in grid.items()}, PROVENANCE
    )
    assert "Problems omitted because all of their samples failed: 1." in path.read_text()
    flaky = {
        cell: [make_outcome(0, True, failures=7), make_outcome(1), *outcomes[2:]] for cell, outcomes in grid.items()
    }
    write_report(path, flaky, PROVENANCE)
    omitted = "because all of their samples failed: 1. Problems omitted because failures left fewer than 4 samples: 1."
    assert omitted in path.read_text()


@pytest.mark.usefixtures("_plots")
def test_a_report_without_pools_has_no_bins(make_outcome: MakeOutcome, tmp_path: Path) -> None:
    write_report(tmp_path / "report.md", {SINGLE: [make_outcome(0, True)]}, PROVENANCE)
    text = (tmp_path / "report.md").read_text()
    assert "By difficulty" not in text
    assert "## Cost" in text


def test_a_page_escapes_its_text(tmp_path: Path) -> None:
    sections = [Section("a < b", "1 & 2", (Table(("x", "y|z"), (("<i>", "4"),)),), verbatim="if a < b")]
    write_report_page(tmp_path / "page.html", "A & B", sections)
    assert "<h2>a &lt; b</h2>\n<p>1 &amp; 2</p>" in (tmp_path / "page.html").read_text()
    assert "<td>&lt;i&gt;</td><td>4</td>" in (tmp_path / "page.html").read_text()
    write_report_page(tmp_path / "page.md", "A & B", sections)
    assert "| x | y\\|z |\n| --- | ---: |\n| <i> | 4 |" in (tmp_path / "page.md").read_text()


def test_other_suffixes_are_rejected(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"report\.pdf"):
        write_report_page(tmp_path / "report.pdf", "", [])


def test_evaluation_imports_no_heavy_packages() -> None:
    heavy = "{'matplotlib', 'numpy', 'torch', 'reasoning_gym'} & set(sys.modules)"
    program = f"import sys, its_graph.evaluation, its_graph.evaluation.reports.report; print(*{heavy})"
    command = [sys.executable, "-c", program]
    root = Path(__file__).parents[3]
    assert subprocess.run(command, check=True, cwd=root, capture_output=True, text=True).stdout.split() == []
