"""The picture of a comparison at equal FLOPs: accuracy by difficulty, one panel for each R."""

from collections.abc import Sequence
from itertools import groupby
from typing import TYPE_CHECKING

from its_graph.evaluation.reports.plots import COLORS, Plot, require_matplotlib, plot_style
from its_graph.evaluation.router.flops_matched import FlopsMatch

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["flops_matched_plot"]


def flops_matched_plot(matches: Sequence[FlopsMatch], size: float) -> Plot:
    """Return the picture.

    Args:
        matches: of `its_graph.evaluation.router.flops_matched.flops_matched`.
        size: parameters of the larger model over those of the small one.

    Raises:
        MissingExtraError: without matplotlib.
    """
    require_matplotlib()
    from matplotlib.figure import Figure

    panels = [list(group) for _, group in groupby(matches, key=lambda one: one.ratio)]
    with plot_style():
        figure = Figure(figsize=(1.2 + 2.4 * len(panels), 2.9), layout="constrained")
        drawn = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
        for axes, group in zip(drawn, panels, strict=True):
            _panel(axes, [one for one in group if one.bin is not None], size)
        drawn[0].set_ylabel("accuracy, %")
        figure.supxlabel("bin: from the easiest problems to the hardest", fontsize=9)
        handles, labels = drawn[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper center", ncols=3, frameon=False)
    return Plot("matched", "A small model that searches and a larger one, at equal FLOPs", figure)


def _panel(axes: "Axes", bins: Sequence[FlopsMatch], size: float) -> None:
    places = [str((one.bin or 0) + 1) for one in bins]
    rows = (
        (f"{size:.1f} times larger, one answer", "s-", [one.larger for one in bins]),
        ("small, searching", "o-", [one.search for one in bins]),
        ("small, one answer", "^:", [one.single for one in bins]),
    )
    for colour, (name, dashes, values) in zip(COLORS, rows, strict=False):
        axes.plot(places, [100 * value for value in values], dashes, color=colour, ms=5, linewidth=1.4, label=name)
    axes.set_title(f"R = {bins[0].ratio:g}: up to {bins[0].multiplier:.0f} answers' compute", fontsize=9)
