"""The plot of a FLOPs-matched comparison: accuracy by difficulty, one panel for each R."""

from collections.abc import Sequence
from itertools import groupby
from typing import TYPE_CHECKING

from its_graph.evaluation.reports.plots import COLORS, Plot, plot_style, require_matplotlib
from its_graph.evaluation.router.flops_matched import FlopsMatch

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["flops_matched_plot"]


def flops_matched_plot(matches: Sequence[FlopsMatch], size: float) -> Plot:
    """Return the plot.

    Args:
        matches: result of `its_graph.evaluation.router.flops_matched.flops_matched`.
        size: parameters of the larger model over those of the small one.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    require_matplotlib()
    from matplotlib.figure import Figure

    panels = [list(group) for _, group in groupby(matches, key=lambda match: match.ratio)]
    with plot_style():
        figure = Figure(figsize=(1.2 + 2.4 * len(panels), 2.9), layout="constrained")
        subplots = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
        for axes, group in zip(subplots, panels, strict=True):
            _draw_panel(axes, [match for match in group if match.bin is not None], size)
        subplots[0].set_ylabel("accuracy, %")
        figure.supxlabel("bin: from the easiest problems to the hardest", fontsize=9)
        handles, labels = subplots[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper center", ncols=3, frameon=False)
    return Plot("matched", "A small model that searches and a larger one, at equal FLOPs", figure)


def _draw_panel(axes: "Axes", bins: Sequence[FlopsMatch], size: float) -> None:
    bin_names = [str((match.bin or 0) + 1) for match in bins]
    rows = (
        (f"{size:.1f} times larger, one answer", "s-", [match.larger for match in bins]),
        ("small, searching", "o-", [match.search for match in bins]),
        ("small, one answer", "^:", [match.single for match in bins]),
    )
    for color, (name, dashes, values) in zip(COLORS, rows, strict=False):
        axes.plot(bin_names, [100 * value for value in values], dashes, color=color, ms=5, linewidth=1.4, label=name)
    axes.set_title(f"R = {bins[0].ratio:g}: up to {bins[0].multiplier:.0f} answers' compute", fontsize=9)
