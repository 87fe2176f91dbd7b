"""Pictures of an evaluation: accuracy against each cost, over all problems and by difficulty.

Colours are those of Okabe and Ito, which the colour-blind can tell apart, and each curve has a marker of its own too.
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

__all__ = ["COLORS", "Plot", "draw_plots", "require_matplotlib", "save_plots", "plot_style"]

COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
_MARKERS = ("o", "s", "^", "D", "v", "P", "X")
_GREY = "#777777"
_STYLE: dict[Any, Any] = {
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.correct": False,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "grid.color": "#e4e4e4",
    "axes.axisbelow": True,
    "svg.hashsalt": "its_graph",  # the same picture is the same file
}


Drawing: TypeAlias = tuple[GridCell, Sequence[SamplePool]]


class Plot(NamedTuple):
    """A figure, and what it is called."""

    name: str
    title: str
    figure: "Figure"

    def png(self) -> bytes:
        """Return it as PNG, fine enough for print."""
        return self._saved("png")

    def svg(self) -> str:
        """Return it as SVG."""
        return self._saved("svg").decode()

    def _saved(self, kind: str) -> bytes:
        buffer = BytesIO()
        with plot_style():
            # Without a date the same picture is the same file.
            metadata = {"Date": None} if kind == "svg" else {}
            self.figure.savefig(buffer, format=kind, dpi=200, bbox_inches="tight", metadata=metadata)
        return buffer.getvalue()


def require_matplotlib() -> None:
    """Raise a `MissingExtraError` unless pictures can be drawn."""
    try:
        import matplotlib  # noqa: F401
    except ImportError as error:
        raise MissingExtraError("matplotlib", "plots") from error


def draw_plots(measured: CellOutcomes, drawn: Drawing | None = None, bins: DifficultyBins | None = None) -> list[Plot]:
    """Return accuracy against each cost that all arms have, and in each bin against FLOPs, or tokens without those.

    Args:
        measured: outcomes of each arm.
        drawn: the pool of each problem and the arm that drew them, for the oracle's curve.
        bins: the problems by difficulty.

    Raises:
        MissingExtraError: without matplotlib.
    """
    require_matplotlib()
    with plot_style():
        curves = [(axis, build_series(measured, axis)) for axis in AXES]
        shown = [(axis, series) for axis, series in curves if sum(len(one.points) for one in series) == len(measured)]
        found = [
            Plot(axis.name, f"Accuracy against {axis.title}", _whole(axis, series, drawn)) for axis, series in shown
        ]
        by_name = {axis.name: axis for axis, _ in shown}
        axis = by_name.get("flops") or by_name.get("tokens")
        if bins is not None and axis is not None and len(bins.members) > 1:
            found.append(Plot("bins", "Accuracy by difficulty", _by_bin(measured, axis, bins)))
    return found


def save_plots(found: Sequence[Plot], folder: Path) -> list[Path]:
    """Write each picture as PNG and as SVG into `folder`; return the paths."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for one in found:
        (folder / f"{one.name}.png").write_bytes(one.png())
        (folder / f"{one.name}.svg").write_text(one.svg(), encoding="utf-8")
        paths += [folder / f"{one.name}.png", folder / f"{one.name}.svg"]
    return paths


def plot_style() -> AbstractContextManager[None]:
    """Draw as all pictures of an evaluation are drawn."""
    from matplotlib import rc_context

    return rc_context(_STYLE)


def _whole(axis: Axis, series: Sequence[Series], drawn: Drawing | None) -> "Figure":
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, max(3.8, 0.9 + 0.19 * len(series))))  # room for the labels, one below the other
    axes = figure.add_subplot()
    ends = [_curve(axes, one, place, intervals=True) for place, one in enumerate(series)]
    if oracle := _oracle(axes, series, drawn):
        ends.append(oracle)
    _scale(axes, axis.title, (1.0, 3.0))
    axes.set_ylabel("accuracy, % (95 % intervals)")
    label_curves(axes, ends)
    return figure


def _by_bin(measured: CellOutcomes, axis: Axis, bins: DifficultyBins) -> "Figure":
    from matplotlib.figure import Figure

    count = len(bins.members)
    figure = Figure(figsize=(1.0 + 1.9 * count, 2.6), layout="constrained")
    panels = figure.subplots(1, count, sharex=True, sharey=True, squeeze=False)[0]
    names = [one.name for one in build_series(measured, axis)]
    for place, (axes, members) in enumerate(zip(panels, bins.members, strict=True)):
        for one in build_series(measured, axis, members):
            _curve(axes, one, names.index(one.name), intervals=False)
        kind = "easiest" if place == 0 else "hardest" if place == count - 1 else ""
        axes.set_title(f"bin {place + 1}{': ' + kind if kind else ''}, {len(members)} problems", fontsize=8)
        _scale(axes, "", (1.0,))
    panels[0].set_ylabel("accuracy, %")
    figure.supxlabel(axis.title, fontsize=9)
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=min(len(labels), 2 * count), frameon=False)
    return figure


def _curve(axes: "Axes", one: Series, place: int, *, intervals: bool) -> CurveEnd:
    again, hue = divmod(place, len(COLORS))
    colour, marker = COLORS[hue], _MARKERS[(hue + again) % len(_MARKERS)]
    costs = [point.cost for point in one.points]
    heights = [100 * point.row.accuracy for point in one.points]
    dashes = "--" if again else "-"
    # The first curves lie on top: a baseline is a single point, which the curves that begin there would hide.
    above_others: dict[str, Any] = {"zorder": 10 - place / 100, "markeredgecolor": "white", "markeredgewidth": 0.5}
    axes.plot(costs, heights, dashes + marker, color=colour, ms=5.5, linewidth=1.3, label=one.name, **above_others)
    if intervals:
        below = [height - 100 * point.row.ci95.low for height, point in zip(heights, one.points, strict=True)]
        above = [100 * point.row.ci95.high - height for height, point in zip(heights, one.points, strict=True)]
        axes.errorbar(costs, heights, [below, above], fmt="none", ecolor=colour, elinewidth=0.8, alpha=0.35)
    return CurveEnd(costs[-1], heights[-1], one.name, colour)


def _oracle(axes: "Axes", series: Sequence[Series], drawn: Drawing | None) -> CurveEnd | None:
    """Draw pass@n of the pools at the costs of the strategy that drew them: what a perfect verifier would reach."""
    if drawn is None:
        return None
    arm, found = drawn
    curve = next((one for one in series if arm in [point.arm for point in one.points]), None)
    if curve is None or len({point.arm.n for point in curve.points}) < 2:
        return None
    costs = [point.cost for point in curve.points]
    heights = [100 * sum(pool.pass_at(point.arm.n) for pool in found) / len(found) for point in curve.points]
    axes.plot(costs, heights, ":", color=_GREY, linewidth=1.2)
    return CurveEnd(costs[-1], heights[-1], "pass@n (oracle)", _GREY)


def _scale(axes: "Axes", title: str, ticks: tuple[float, ...]) -> None:
    """Make the costs logarithmic, with a number at these parts of each decade."""
    from matplotlib.ticker import EngFormatter, LogLocator, NullFormatter

    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=ticks))
    axes.xaxis.set_major_formatter(EngFormatter(sep=""))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xlabel(title)
