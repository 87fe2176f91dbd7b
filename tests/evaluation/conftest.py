"""Problems of the toy world and hand-made outcomes."""

import random
from collections.abc import Callable
from typing import Any

import pytest

from its_graph.budget import Spend
from its_graph.evaluation import Outcome, SampleRecord

MakeOutcome = Callable[..., Outcome]


@pytest.fixture
def sums() -> list[tuple[str, str]]:
    """Sums of four numbers, three steps each."""
    chance = random.Random(11)
    terms = [[chance.randint(1, 9) for _ in range(4)] for _ in range(12)]
    return [(f"Add {', '.join(map(str, numbers))}.", str(sum(numbers))) for numbers in terms]


@pytest.fixture
def make_sample() -> Callable[..., SampleRecord]:
    """Return a function that makes a sample."""

    def make(key: int, correct: bool, **changes: Any) -> SampleRecord:
        fields: dict[str, Any] = {
            "id": str(key),
            "answer": "3" if correct else "4",
            "score": 0.9 if correct else 0.1,
            "correct": correct,
            "finished": True,
            "truncated": False,
            "tokens": 10,
            "from_question": True,
        }
        return SampleRecord(**fields | changes)

    return make


@pytest.fixture
def make_outcome(make_sample: Callable[..., SampleRecord]) -> MakeOutcome:
    """Return a function that makes an outcome of correct and incorrect samples; the first sample is its answer."""

    def make(index: int, *correct: bool, **changes: Any) -> Outcome:
        samples = tuple(make_sample(key, value) for key, value in enumerate(correct))
        fields: dict[str, Any] = {
            "index": index,
            "problem": "Add 1, 2.",
            "expected": "3",
            "answer": samples[0].answer if samples else None,
            "correct": bool(correct) and correct[0],
            "candidates": len(correct),
            "correct_candidates": sum(correct),
            "finished": len(correct),
            "correct_finished": sum(correct),
            "spend": Spend(calls=len(correct), prompt_tokens=8, generated_tokens=10 * len(correct), flops=100.0),
            "seconds": 0.5,
            "seed": 1,
            "samples": samples,
        }
        return Outcome(**fields | changes)

    return make
