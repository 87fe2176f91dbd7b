"""The rows of a search tree in color."""

from typing import Any

from its_graph.cli.display.tree_rows import styled
from its_graph.search.tree import Tree
from its_graph.search.tree_rows import TreeRows


def test_scores_are_colored_and_the_cut_is_dim() -> None:
    steps = {
        str(number): {"parent": None, "text": f"s{number}", "tokens": 1, "finish": finish, "confidence": None}
        for number, finish in enumerate(["stop_string", "stop_string", "stop_string", "end", "length"])
    }
    scores: dict[str, Any] = {
        key: {"step": key, "value": value, "steps": [], "tokens": 0}
        for key, value in {"0": 0.9, "1": 0.5, "2": 0.2, "3": None}.items()
    }
    tree = Tree.of({"steps": steps, "scores": scores, "frontier": ["0", "1"]})
    rows = [styled(row) for row in TreeRows(tree).fit(80, 20)]
    assert [row.plain[3:] for row in rows] == [
        "● 0.90 s0",
        "● 0.50 s1",
        "✗ 0.20 s2",
        "✓  --  → no answer s3",
        "✂  --  s4",
    ]
    styles = [{str(span.style) for span in row.spans} for row in rows]
    for style, wanted in zip(styles, ["green", "yellow", "red", "bold", "dim"], strict=True):
        assert wanted in style
    assert "bold" in styles[0]
    assert "bold" not in styles[2]
