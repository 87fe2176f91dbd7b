"""The names of curves, written beside a plot where a legend would send the eye to and fro."""

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
"""The line from a label, at the middle of its left side, to the end of its curve."""
_LABEL_GAP = 0.055
"""Least distance of two labels, as a share of the height of the axes."""


class CurveEnd(NamedTuple):
    """Where a curve ends, and what its label says."""

    x: float
    y: float
    text: str
    colour: str


def label_curves(axes: "Axes", ends: Sequence[CurveEnd]) -> None:
    """Write the names of the curves at the right edge, each as near to its end as the others leave room."""
    low, high = axes.get_ylim()
    ordered = sorted(ends, key=lambda one: one.y)
    places = spread_labels([(one.y - low) / (high - low) for one in ordered], min(_LABEL_GAP, 1 / len(ordered)))
    for end, place in zip(ordered, places, strict=True):
        axes.annotate(
            end.text,
            xy=(end.x, end.y),
            xytext=(1.03, place),
            textcoords="axes fraction",
            color=end.colour,
            va="center",
            arrowprops={"color": end.colour, **_LEADER},
        )


def spread_labels(heights: Sequence[float], gap: float) -> list[float]:
    """Move ascending heights in [0, 1] apart to at least `gap`: up first, and down again from the top."""
    places: list[float] = []
    for height in heights:
        places.append(max(height, places[-1] + gap) if places else height)
    top = 1.0
    for index in range(len(places) - 1, -1, -1):
        places[index] = min(places[index], top)
        top = places[index] - gap
    return places
