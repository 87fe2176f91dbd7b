"""Trees as the rules see them: whole solutions with given answers and scores, or paths step by step."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from its_graph.search.tree import Tree

MakeTree = Callable[..., Tree]


@pytest.fixture
def solutions() -> MakeTree:
    """Return a function: answers (None for none), scores (None for missing), and finish reasons -> tree."""

    def make(
        answers: Sequence[str | None], scores: Sequence[float | None] | None = None, finish: Sequence[str] | None = None
    ) -> Tree:
        texts = [f"try {index}" + (rf" \boxed{{{said}}}" if said else "") for index, said in enumerate(answers)]
        reasons = finish or ["end"] * len(answers)
        steps = {
            str(index): {"parent": None, "text": text, "tokens": 1, "finish": reason, "confidence": None}
            for index, (text, reason) in enumerate(zip(texts, reasons, strict=True))
        }
        known = scores or []
        judged: dict[str, dict[str, object]] = {
            str(index): {"step": str(index), "value": value, "steps": [], "tokens": 0}
            for index, value in enumerate(known)
        }
        return Tree.of({"steps": steps, "scores": judged, "new_steps": list(steps)})

    return make


@pytest.fixture
def frontier_of() -> MakeTree:
    """Return a function: rows of (id, parent, text, score, finish) -> tree; rows without children are the new steps."""

    def make(*rows: tuple[str, str | None, str, float | None, str]) -> Tree:
        steps: dict[str, Any] = {}
        scores: dict[str, Any] = {}
        for key, parent, text, value, finish in rows:
            steps[key] = {"parent": parent, "text": text, "tokens": 1, "finish": finish, "confidence": None}
            scores[key] = {"step": key, "value": value, "steps": [], "tokens": 0}
        parents = {parent for _, parent, *_ in rows}
        return Tree.of({"steps": steps, "scores": scores, "new_steps": [key for key in steps if key not in parents]})

    return make
