"""A tree of whole solutions with given answers and scores, as the rules see it."""

from collections.abc import Callable, Sequence

import pytest

from its_graph.tree import Tree

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
        return Tree.of({"steps": steps, "scores": judged, "fresh": list(steps)})

    return make
