"""A drawing of a LangGraph graph as inline SVG, in pure Python: no script, no request, light and dark by the theme.

Layered as Sugiyama: edges that close a loop are set aside, every node goes below its predecessors, edges over several
layers pass through placeholders. Loops return on the left. Colors are CSS variables (`stylesheets/extra.css`).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from html import escape
from itertools import pairwise
from typing import Any

__all__ = ["svg"]

_MODELS = {
    "generator": {
        "generate", "expand", "finish", "think", "conclude", "revise", "aggregate", "draft", "refine", "pilots",
        "warm_up", "critique", "simulate", "rollout", "summarize",
    },
    "verifier": {"verify", "verify_rollout", "compare"},
}  # fmt: skip
_SUBGRAPH = "search"
_HEIGHT, _ROW, _GAP, _CHAR = 34, 76, 34, 8.4
_START, _END = "__start__", "__end__"


@dataclass
class _Box:
    """A node, or the place where a long edge passes a layer."""

    name: str
    layer: int
    width: float
    x: float = 0.0
    placeholder: bool = False

    @property
    def y(self) -> float:
        return self.layer * _ROW


@dataclass
class _Layout:
    boxes: dict[str, _Box]
    routes: list[tuple[list[str], str, bool]]
    """Names along each edge that goes down, its label, and whether it is conditional."""
    loops: list[tuple[str, str, str]] = field(default_factory=list)


def svg(graph: Any, title: str) -> str:
    """Return the drawing of `compiled.get_graph()` as one `<svg>` element without a blank line."""
    edges = [(one.source, one.target, _label(one), bool(one.conditional)) for one in graph.edges]
    layout = _laid_out(list(graph.nodes), edges)
    return _drawn(layout, title)


def kind_of(node: str) -> str:
    """Return what a node is, by its name: `generator`, `verifier`, `search` (another strategy) or `rule`."""
    base = node.rstrip("0123456789").rstrip("_")
    for kind, names in _MODELS.items():
        if base in names:
            return kind
    return "rule" if base in {"question", "select", "answer", "route", "steer"} else _SUBGRAPH


def _label(edge: Any) -> str:
    return "" if edge.data is None or str(edge.data) == edge.target else str(edge.data)


def _laid_out(nodes: Sequence[str], edges: Sequence[tuple[str, str, str, bool]]) -> _Layout:
    back = _back_edges(nodes, edges)
    down = [edge for edge in edges if edge[:2] not in back]
    layer = _layers(nodes, down)
    boxes = {name: _Box(name, layer[name], max(len(name) * _CHAR + 28, 64)) for name in nodes}
    routes = []
    for source, target, label, conditional in down:
        stops = [source]
        for between in range(layer[source] + 1, layer[target]):
            name = f"{source}>{target}@{between}"
            boxes[name] = _Box(name, between, len(label) * 6.5 + 10, placeholder=True)
            stops.append(name)
        routes.append(([*stops, target], label, conditional))
    _placed(boxes, routes)
    loops = [(source, target, label) for source, target, label, _ in edges if (source, target) in back]
    return _Layout(boxes, routes, loops)


def _back_edges(nodes: Sequence[str], edges: Sequence[tuple[str, str, str, bool]]) -> set[tuple[str, str]]:
    """Return the edges that close a loop, found from the start depth first."""
    below: dict[str, list[str]] = {name: [] for name in nodes}
    for source, target, *_ in edges:
        below[source].append(target)
    back: set[tuple[str, str]] = set()
    done: set[str] = set()

    def visit(name: str, path: tuple[str, ...]) -> None:
        for target in below[name]:
            if target in (*path, name):
                back.add((name, target))
            elif target not in done:
                visit(target, (*path, name))
        done.add(name)

    for name in sorted(nodes, key=lambda one: one != _START):
        if name not in done:
            visit(name, ())
    return back


def _layers(nodes: Sequence[str], down: Iterable[tuple[str, str, str, bool]]) -> dict[str, int]:
    layer = dict.fromkeys(nodes, 0)
    pairs = [edge[:2] for edge in down]
    for _ in nodes:
        for source, target in pairs:
            layer[target] = max(layer[target], layer[source] + 1)
    layer[_END] = max(layer[_END], *(depth + 1 for name, depth in layer.items() if name != _END))
    return layer


def _placed(boxes: dict[str, _Box], routes: Sequence[tuple[list[str], str, bool]]) -> None:
    """Order every layer by the mean place of its neighbors above, nodes before placeholders, and center it."""
    above: dict[str, list[str]] = {}
    for stops, _, _ in routes:
        for upper, lower in pairwise(stops):
            above.setdefault(lower, []).append(upper)
    for depth in range(max(box.layer for box in boxes.values()) + 1):
        row = [box for box in boxes.values() if box.layer == depth]
        row.sort(key=lambda box: (_mean([boxes[one].x for one in above.get(box.name, [])]), box.placeholder))
        left = -(sum(box.width for box in row) + _GAP * (len(row) - 1)) / 2
        for box in row:
            box.x = left + box.width / 2
            left += box.width + _GAP


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0


def _drawn(layout: _Layout, title: str) -> str:
    boxes = layout.boxes
    lines: list[str] = []
    for stops, label, conditional in layout.routes:
        lines += _arrow([boxes[one] for one in stops], label, conditional)
    left = min(box.x - box.width / 2 for box in boxes.values())
    for number, (source, target, label) in enumerate(sorted(layout.loops, key=lambda one: _span(boxes, one))):
        lines += _loop(boxes[source], boxes[target], label, left - 26 - 30 * number)
    nodes = [_node(box) for box in boxes.values() if not box.placeholder]
    parts = [*(one for one in lines if one.startswith("<path")), *nodes, *(one for one in lines if "its-label" in one)]
    right = max(box.x + box.width / 2 for box in boxes.values()) + 16
    longest = max((len(label) for *_, label in layout.loops), default=0)
    left -= 40 + 30 * len(layout.loops) + longest * 6.5 if layout.loops else 16
    height = max(box.y for box in boxes.values()) + 2 * _HEIGHT
    width = right - left
    return (
        f'<svg class="its-graph" role="img" aria-label="{escape(title)}" xmlns="http://www.w3.org/2000/svg" '
        f'viewBox="{left:.0f} {-_HEIGHT:.0f} {width:.0f} {height:.0f}" width="{width:.0f}" height="{height:.0f}">'
        '<defs><marker id="its-arrow" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" markerHeight="7" '
        'orient="auto-start-reverse"><path d="M0 0 10 5 0 10z"/></marker></defs>' + "".join(parts) + "</svg>"
    )


def _span(boxes: dict[str, _Box], loop: tuple[str, str, str]) -> int:
    return boxes[loop[0]].layer - boxes[loop[1]].layer


def _node(box: _Box) -> str:
    if box.name in (_START, _END):
        text = "start" if box.name == _START else "end"
        return f'<g class="its-terminal"><text x="{box.x:.1f}" y="{box.y + 4:.1f}">{text}</text></g>'
    return (
        f'<g class="its-node its-{kind_of(box.name)}">'
        f'<rect x="{box.x - box.width / 2:.1f}" y="{box.y - _HEIGHT / 2:.1f}" width="{box.width:.1f}" '
        f'height="{_HEIGHT}" rx="7"/><text x="{box.x:.1f}" y="{box.y + 4:.1f}">{escape(box.name)}</text></g>'
    )


def _arrow(stops: Sequence[_Box], label: str, conditional: bool) -> list[str]:
    reach = [10 if box.name in (_START, _END) else 0 if box.placeholder else _HEIGHT / 2 for box in stops]
    path = f"M{stops[0].x:.1f} {stops[0].y + reach[0]:.1f}"
    for number in range(1, len(stops)):
        upper, lower = stops[number - 1], stops[number]
        y1, y2 = upper.y + reach[number - 1], lower.y - reach[number] - (0 if lower.placeholder else 2)
        middle = (y1 + y2) / 2
        path += f"C{upper.x:.1f} {middle:.1f} {lower.x:.1f} {middle:.1f} {lower.x:.1f} {y2:.1f}"
    kind = "its-edge its-conditional" if conditional else "its-edge"
    parts = [f'<path class="{kind}" d="{path}" marker-end="url(#its-arrow)"/>']
    if label:
        first, second = stops[0], stops[1]
        straight = abs(first.x - second.x) < 1
        anchor = "start" if straight or second.x > first.x else "end"
        x = first.x + 0.62 * (second.x - first.x) + (7 if anchor == "start" else -7)
        y = (first.y + reach[0] + second.y - reach[1]) / 2 + (4 if straight else 1)
        parts.append(f'<text class="its-label" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(label)}</text>')
    return parts


def _loop(source: _Box, target: _Box, label: str, x: float) -> list[str]:
    """Return an edge that goes back up on the left; a node's edge to itself is a small one."""
    y1, y2 = source.y, target.y
    if source is target:
        y1, y2 = source.y + 9, source.y - 9
    from_x, to_x = source.x - source.width / 2, target.x - target.width / 2 - 2
    bend = min(12.0, abs(y1 - y2) / 2)
    path = (
        f"M{from_x:.1f} {y1:.1f}H{x + bend:.1f}Q{x:.1f} {y1:.1f} {x:.1f} {y1 - bend:.1f}"
        f"V{y2 + bend:.1f}Q{x:.1f} {y2:.1f} {x + bend:.1f} {y2:.1f}H{to_x:.1f}"
    )
    parts = [f'<path class="its-edge its-conditional" d="{path}" marker-end="url(#its-arrow)"/>']
    if label:
        y = (y1 + y2) / 2 + 4
        parts.append(f'<text class="its-label" x="{x - 7:.1f}" y="{y:.1f}" text-anchor="end">{escape(label)}</text>')
    return parts
