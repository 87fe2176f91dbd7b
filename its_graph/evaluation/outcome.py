"""What a search made of one problem, as a record that goes into a file and comes back."""

from typing import NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from its_graph.budget import Spend

__all__ = ["Outcome", "SampleRecord", "Grading"]


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class SampleRecord(_Record):
    """A candidate of a search: a sample, or a path of steps."""

    id: str
    """Of its last record; the samples of a plain sampling strategy are numbered from 0 as they were asked for."""
    answer: str | None
    score: float | None
    right: bool
    finished: bool
    truncated: bool
    tokens: int
    """Generated tokens on the whole path."""
    from_question: bool
    """Whether it was drawn in one go from the question alone: no steps, and no other solutions in view."""
    text: str = Field(default="", exclude=True)
    """The solution; neither written nor kept with the outcome, since many outcomes share their samples."""


class Outcome(_Record):
    """What a search made of one problem."""

    index: int
    """The problem's number, from 0."""
    problem: str
    expected: str
    answer: str | None
    right: bool
    candidates: int
    """Candidates that could have been the answer, cut off and unfinished ones included."""
    correct_candidates: int
    finished: int
    """The candidates that are complete solutions."""
    correct_finished: int
    spend: Spend
    seconds: float
    """Wall time of the search, with whatever else ran beside it."""
    seed: int
    error: str | None = None
    """Why the search failed; its answer then counts as wrong."""
    refused: bool = False
    """Whether the question itself is to blame for that: trying it again is of no use. Not told in an older file."""
    majority_correct: bool | None = None
    """Whether the plain vote of its candidates is right; None in an older file."""
    best_correct: bool | None = None
    """Whether its candidate with the highest score is right; None without scores, or in an older file."""
    verifier_flops: float | None = None
    """The part of `spend.flops` that verifiers and judges used; None in an older file."""
    reused: int = 0
    """Calls answered as an earlier search of the same problem had them answered. They count in `spend`, and made
    `seconds` shorter."""
    samples: tuple[SampleRecord, ...] = ()
    """The candidates, oldest first; none in an older file."""
    failures: int = 0
    """Samples, or steps, that never came as their calls failed; 0 in an older file."""

    def without_texts(self) -> "Outcome":
        """Return it as a file keeps it: the texts of many searches fill the memory."""
        return self.model_copy(update={"samples": tuple(one.model_copy(update={"text": ""}) for one in self.samples)})


class Grading(NamedTuple):
    """The fields of an outcome that compare answers with the right one."""

    answer: str | None = None
    right: bool = False
    candidates: int = 0
    correct_candidates: int = 0
    finished: int = 0
    correct_finished: int = 0
    majority_correct: bool | None = None
    best_correct: bool | None = None
    samples: tuple[SampleRecord, ...] = ()
