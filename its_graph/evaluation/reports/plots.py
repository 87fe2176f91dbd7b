"""Plots of an evaluation: accuracy against each cost, over all problems and by difficulty.

The colors are those of Okabe and Ito, which color-blind readers can distinguish, and each curve has its own marker.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from its_graph.errors import MissingExtraError
from its_graph.evaluation.pools import DifficultyBins, SamplePool
from its_graph.evaluation.reports.curve_labels import CurveEnd, label_curves
from its_graph.evaluation.reports.series import AXES, Axis, CellOutcomes, Series, build_series
from its_graph.evaluation.runs.grid import GridCell

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["COLORS", "CellPools", "Plot", "draw_plots", "plot_style", "require_matplotlib", "save_plots"]

COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
_MARKERS = ("o", "s", "^", "D", "v", "P", "X")
_GRAY = "#777777"
_STYLE: dict[Any, Any] = {
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "grid.color": "#e4e4e4",
    "axes.axisbelow": True,
    "svg.hashsalt": "its_graph",  # equal plots are equal files
}


CellPools: TypeAlias = tuple[GridCell, Sequence[SamplePool]]
"""A cell and the pools of its samples, as `widest_pools` returns them."""


class Plot(NamedTuple):
    """A figure with its file name and title."""

    name: str
    title: str
    figure: "Figure"

    def png(self) -> bytes:
        """Return it as PNG at print resolution."""
        return self._saved("png")

    def svg(self) -> str:
        """Return it as SVG."""
        return self._saved("svg").decode()

    def _saved(self, file_format: str) -> bytes:
        buffer = BytesIO()
        with plot_style():
            # Without a date, equal plots are equal files.
            metadata = {"Date": None} if file_format == "svg" else {}
            self.figure.savefig(buffer, format=file_format, dpi=200, bbox_inches="tight", metadata=metadata)
        return buffer.getvalue()


def require_matplotlib() -> None:
    """Raise a `MissingExtraError` if matplotlib is not installed."""
    try:
        import matplotlib  # noqa: F401
    except ImportError as error:
        raise MissingExtraError("matplotlib", "plots") from error


def draw_plots(
    measured: CellOutcomes, cell_pools: CellPools | None = None, bins: DifficultyBins | None = None
) -> list[Plot]:
    """Return accuracy against each cost that all cells have, and per bin against FLOPs, or tokens without those.

    Args:
        measured: outcomes of each cell.
        cell_pools: the widest pools and their cell, for the oracle curve.
        bins: the problems by difficulty.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    require_matplotlib()
    with plot_style():
        curves = [(axis, build_series(measured, axis)) for axis in AXES]
        complete = [
            (axis, series) for axis, series in curves if sum(len(curve.points) for curve in series) == len(measured)
        ]
        plots = [
            Plot(axis.name, f"Accuracy against {axis.title}", _draw_overall(axis, series, cell_pools))
            for axis, series in complete
        ]
        by_name = {axis.name: axis for axis, _ in complete}
        axis = by_name.get("flops") or by_name.get("tokens")
        if bins is not None and axis is not None and len(bins.members) > 1:
            plots.append(Plot("bins", "Accuracy by difficulty", _draw_by_bin(measured, axis, bins)))
    return plots


def save_plots(plots: Sequence[Plot], folder: Path) -> list[Path]:
    """Write each plot as PNG and as SVG to `folder`; return the paths."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for plot in plots:
        png, svg = folder / f"{plot.name}.png", folder / f"{plot.name}.svg"
        png.write_bytes(plot.png())
        svg.write_text(plot.svg(), encoding="utf-8")
        paths += [png, svg]
    return paths


def plot_style() -> AbstractContextManager[None]:
    """Return a context in which matplotlib draws in the style of all plots of an evaluation."""
    from matplotlib import rc_context

    return rc_context(_STYLE)


def _draw_overall(axis: Axis, series: Sequence[Series], cell_pools: CellPools | None) -> "Figure":
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, max(3.8, 0.9 + 0.19 * len(series))))  # room for one label per line
    axes = figure.add_subplot()
    ends = [_draw_curve(axes, curve, index, intervals=True) for index, curve in enumerate(series)]
    if oracle := _draw_oracle(axes, series, cell_pools):
        ends.append(oracle)
    _set_log_scale(axes, axis.title, (1.0, 3.0))
    axes.set_ylabel("accuracy, % (95 % intervals)")
    label_curves(axes, ends)
    return figure


def _draw_by_bin(measured: CellOutcomes, axis: Axis, bins: DifficultyBins) -> "Figure":
    from matplotlib.figure import Figure

    count = len(bins.members)
    figure = Figure(figsize=(1.0 + 1.9 * count, 2.6), layout="constrained")
    panels = figure.subplots(1, count, sharex=True, sharey=True, squeeze=False)[0]
    names = [curve.name for curve in build_series(measured, axis)]
    for index, (axes, members) in enumerate(zip(panels, bins.members, strict=True)):
        for curve in build_series(measured, axis, members):
            _draw_curve(axes, curve, names.index(curve.name), intervals=False)
        kind = "easiest" if index == 0 else "hardest" if index == count - 1 else ""
        axes.set_title(f"bin {index + 1}{': ' + kind if kind else ''}, {len(members)} problems", fontsize=8)
        _set_log_scale(axes, "", (1.0,))
    panels[0].set_ylabel("accuracy, %")
    figure.supxlabel(axis.title, fontsize=9)
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=min(len(labels), 2 * count), frameon=False)
    return figure


def _draw_curve(axes: "Axes", curve: Series, index: int, *, intervals: bool) -> CurveEnd:
    cycle, color_index = divmod(index, len(COLORS))
    color, marker = COLORS[color_index], _MARKERS[(color_index + cycle) % len(_MARKERS)]
    costs = [point.cost for point in curve.points]
    heights = [100 * point.row.accuracy for point in curve.points]
    dashes = "--" if cycle else "-"
    # The first curves are on top: a baseline is a single point, which curves that start there would hide.
    on_top: dict[str, Any] = {"zorder": 10 - index / 100, "markeredgecolor": "white", "markeredgewidth": 0.5}
    axes.plot(costs, heights, dashes + marker, color=color, ms=5.5, linewidth=1.3, label=curve.name, **on_top)
    if intervals:
        below = [height - 100 * point.row.ci95.low for height, point in zip(heights, curve.points, strict=True)]
        above = [100 * point.row.ci95.high - height for height, point in zip(heights, curve.points, strict=True)]
        axes.errorbar(costs, heights, [below, above], fmt="none", ecolor=color, elinewidth=0.8, alpha=0.35)
    return CurveEnd(costs[-1], heights[-1], curve.name, color)


def _draw_oracle(axes: "Axes", series: Sequence[Series], cell_pools: CellPools | None) -> CurveEnd | None:
    """Draw pass@n of the pools at the costs of their strategy: the accuracy with a perfect verifier."""
    if cell_pools is None:
        return None
    cell, pools = cell_pools
    curve = next((curve for curve in series if cell in [point.cell for point in curve.points]), None)
    if curve is None or len({point.cell.n for point in curve.points}) < 2:
        return None
    costs = [point.cost for point in curve.points]
    heights = [100 * sum(pool.pass_at(point.cell.n) for pool in pools) / len(pools) for point in curve.points]
    axes.plot(costs, heights, ":", color=_GRAY, linewidth=1.2)
    return CurveEnd(costs[-1], heights[-1], "pass@n (oracle)", _GRAY)


def _set_log_scale(axes: "Axes", title: str, ticks: tuple[float, ...]) -> None:
    """Make the cost axis logarithmic, with labels at these multiples of each power of ten."""
    from matplotlib.ticker import EngFormatter, LogLocator, NullFormatter

    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=ticks))
    axes.xaxis.set_major_formatter(EngFormatter(sep=""))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xlabel(title)
