"""Labels of curves, placed next to their ends instead of in a legend."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["CurveEnd", "label_curves", "spread_labels"]

_LEADER: dict[str, Any] = {
    "arrowstyle": "-",
    "linewidth": 0.5,
    "alpha": 0.5,
    "shrinkB": 4,
    "relpos": (0, 0.5),
}
"""The line from the middle of a label's left side to the end of its curve."""
_LABEL_GAP = 0.055
"""Minimum distance between two labels, as a share of the height of the axes."""


class CurveEnd(NamedTuple):
    """The end of a curve and its label."""

    x: float
    y: float
    text: str
    color: str


def label_curves(axes: "Axes", ends: Sequence[CurveEnd]) -> None:
    """Write the labels at the right edge, each as close to the end of its curve as the others permit."""
    low, high = axes.get_ylim()
    ordered = sorted(ends, key=lambda end: end.y)
    heights = spread_labels([(end.y - low) / (high - low) for end in ordered], min(_LABEL_GAP, 1 / len(ordered)))
    for end, height in zip(ordered, heights, strict=True):
        axes.annotate(
            end.text,
            xy=(end.x, end.y),
            xytext=(1.03, height),
            textcoords="axes fraction",
            color=end.color,
            va="center",
            arrowprops={"color": end.color, **_LEADER},
        )


def spread_labels(heights: Sequence[float], gap: float) -> list[float]:
    """Move ascending heights in [0, 1] apart to at least `gap`: upward first, then down from the top."""
    spread: list[float] = []
    for height in heights:
        spread.append(max(height, spread[-1] + gap) if spread else height)
    top = 1.0
    for index in range(len(spread) - 1, -1, -1):
        spread[index] = min(spread[index], top)
        top = spread[index] - gap
    return spread
