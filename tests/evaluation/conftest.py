"""Problems of the toy world, and outcomes made by hand."""

import random
from collections.abc import Callable
from typing import Any

import pytest

from its_graph.budget import Spend
from its_graph.evaluation import Outcome, SampleRecord

Made = Callable[..., Outcome]


@pytest.fixture
def sums() -> list[tuple[str, str]]:
    """Sums of four numbers: three steps each."""
    chance = random.Random(11)
    terms = [[chance.randint(1, 9) for _ in range(4)] for _ in range(12)]
    return [(f"Add {', '.join(map(str, one))}.", str(sum(one))) for one in terms]


@pytest.fixture
def drawn() -> Callable[..., SampleRecord]:
    """Make a sample."""

    def make(key: int, right: bool, **changes: Any) -> SampleRecord:
        fields: dict[str, Any] = {
            "id": str(key),
            "answer": "3" if right else "4",
            "score": 0.9 if right else 0.1,
            "correct": right,
            "finished": True,
            "truncated": False,
            "tokens": 10,
            "from_question": True,
        }
        return SampleRecord(**fields | changes)

    return make


@pytest.fixture
def made(drawn: Callable[..., SampleRecord]) -> Made:
    """Make an outcome of samples that are right or wrong; the first sample is its answer."""

    def make(index: int, *right: bool, **changes: Any) -> Outcome:
        samples = tuple(drawn(key, one) for key, one in enumerate(right))
        fields: dict[str, Any] = {
            "index": index,
            "problem": "Add 1, 2.",
            "expected": "3",
            "answer": samples[0].answer if samples else None,
            "correct": bool(right) and right[0],
            "candidates": len(right),
            "correct_candidates": sum(right),
            "finished": len(right),
            "correct_finished": sum(right),
            "spend": Spend(calls=len(right), prompt_tokens=8, generated_tokens=10 * len(right), flops=100.0),
            "seconds": 0.5,
            "seed": 1,
            "samples": samples,
        }
        return Outcome(**fields | changes)

    return make
