"""The outcome of one search on one problem, as a record that can be written to a file and read back."""

from typing import NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from its_graph.budget import Spend

__all__ = ["Grading", "Outcome", "SampleRecord"]


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class SampleRecord(_Record):
    """A candidate of a search: a sample, or a path of steps.

    Example:
        >>> from its_graph.evaluation import SampleRecord
        >>> SampleRecord(
        ...     id="0", answer="3", score=0.9, correct=True, finished=True, truncated=False, tokens=10,
        ...     from_question=True,
        ... ).correct
        True
    """

    id: str
    """Id of its last step. Samples of a plain sampling strategy are numbered from 0 in the order of their requests."""
    answer: str | None
    score: float | None
    correct: bool
    finished: bool
    truncated: bool
    tokens: int
    """Generated tokens of the whole path."""
    from_question: bool
    """Whether it was sampled in one request from the question alone: without steps or other solutions as context."""
    text: str = Field(default="", exclude=True)
    """The solution. It is not written with the outcome, because many outcomes share their samples."""


class Outcome(_Record):
    """The outcome of one search on one problem.

    Example:
        >>> import asyncio
        >>> from its_graph import create
        >>> from its_graph.evaluation import evaluate
        >>> from its_graph.testing import ToyGenerator
        >>> graph = create("single", ToyGenerator(0.0)).compile()
        >>> (outcome,) = asyncio.run(evaluate(graph, [("Add 1, 2.", "3")]))
        >>> outcome.answer, outcome.correct, outcome.spend.calls
        ('3', True, 1)
    """

    index: int
    """Index of the problem, from 0."""
    problem: str
    expected: str
    answer: str | None
    correct: bool
    candidates: int
    """Number of possible answers, truncated and unfinished ones included."""
    correct_candidates: int
    finished: int
    """Number of candidates that are complete solutions."""
    correct_finished: int
    spend: Spend
    seconds: float
    """Wall time of the search while other searches ran concurrently."""
    seed: int
    error: str | None = None
    """Why the search failed; its answer counts as incorrect."""
    refused: bool = False
    """Whether the models cannot accept the question, so that a retry is pointless. False in older files."""
    majority_correct: bool | None = None
    """Whether the plain vote of the candidates is correct; None in older files."""
    best_correct: bool | None = None
    """Whether the candidate with the highest score is correct; None without scores, or in older files."""
    verifier_flops: float | None = None
    """Part of `spend.flops` used by verifiers and judges; None in older files."""
    reused: int = 0
    """Calls answered from an earlier search of the same problem. They count in `spend` and shorten `seconds`."""
    samples: tuple[SampleRecord, ...] = ()
    """The candidates, oldest first; empty in older files."""
    failures: int = 0
    """Samples or steps whose calls failed; 0 in older files."""

    def without_texts(self) -> "Outcome":
        """Return a copy without the sample texts, which fill the memory when there are many searches."""
        samples = tuple(sample.model_copy(update={"text": ""}) for sample in self.samples)
        return self.model_copy(update={"samples": samples})


class Grading(NamedTuple):
    """The fields of an outcome that compare answers with the correct one."""

    answer: str | None = None
    correct: bool = False
    candidates: int = 0
    correct_candidates: int = 0
    finished: int = 0
    correct_finished: int = 0
    majority_correct: bool | None = None
    best_correct: bool | None = None
    samples: tuple[SampleRecord, ...] = ()
