"""What a batch knows of its problems, what a plan says of them, and what comes out."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

from its_graph.budget import NOTHING, Spend, total

__all__ = ["Allocation", "AllocationPlan", "BatchReport", "BatchView", "ProblemResult", "ProblemStats"]


class ProblemStats(NamedTuple):
    """How one problem stands: a few numbers, so that a hundred thousand of them fit into memory."""

    samples: int = 0
    """Drawn so far, failed ones included."""
    right: float = 0.0
    """Samples that look right: the sum of their scores, or without a verifier the votes of the leading answer."""
    wrong: float = 0.0
    """The others, failed ones included."""
    unsolved: float = 1.0
    """Chance that none of the samples is right, by the verifier; 1 without one: votes do not tell."""
    best: float | None = None
    """Best score in [0, 1]; None without any."""
    spend: Spend = NOTHING
    difficulty: float = 1.0
    """In [0, 1], as policies read it: `routing.difficulty.by_verifier`, or `by_agreement` without a verifier."""
    failed: int = 0
    """Samples that never came, as their calls failed."""


class BatchView(NamedTuple):
    """What a plan goes by: the problems that are still open, and what is left for them."""

    open: Mapping[int, ProblemStats]
    costs: Mapping[int, float]
    """What one more sample of each open problem is expected to cost, verification included; above 0."""
    left: float
    """Of the whole budget, in the unit of `costs`: the limit that is nearest, in samples."""


class Allocation(NamedTuple):
    """Go on with a problem."""

    problem: int
    samples: int
    """Samples that it shall have in all; no more than it has draws none."""
    end: str | None = None
    """Why nothing comes after this move: the problem is then answered. None leaves it open."""


AllocationPlan: TypeAlias = Callable[[BatchView], Sequence[Allocation]]
"""Says what comes next, asked again whenever its last moves are carried out; no moves end the batch. Pure.

Every problem that is open has a sample that did not fail by then. Moves are carried out in their order as far as the
budget bears them.
"""


class ProblemResult(NamedTuple):
    """What a batch made of one problem."""

    number: int
    """Of the problem, from 0."""
    problem: str
    result: Mapping[str, Any]
    """The result of its search, every candidate included; empty where the search failed."""
    samples: int
    spend: Spend
    error: str | None = None
    """Why the search failed."""
    refused: bool = False
    """Whether the question itself is to blame for that: trying it again is of no use."""

    @property
    def answer(self) -> str | None:
        """The answer; None where there is none, as the budget did not reach so far or the search failed."""
        return self.result.get("answer")

    @property
    def text(self) -> str | None:
        """The solution that was chosen."""
        return self.result.get("text")

    @property
    def score(self) -> float | None:
        """The verifier's score of that solution."""
        alike = (one["score"] for one in self.result.get("candidates", ()) if one["text"] == self.text)
        return next(alike, None)

    @property
    def stop_reason(self) -> str:
        """Why it got no more samples."""
        if self.error is not None:
            return "refused" if self.refused else "failed"
        return str(self.result["stop_reason"])


class BatchReport(NamedTuple):
    """All problems of a batch, in their order, and what they cost together."""

    solved: tuple[ProblemResult, ...]

    @property
    def answers(self) -> list[str | None]:
        """One for each problem."""
        return [one.answer for one in self.solved]

    @property
    def unanswered(self) -> int:
        """Problems that have no answer."""
        return sum(one.answer is None for one in self.solved)

    @property
    def samples(self) -> int:
        """Samples of all problems."""
        return sum(one.samples for one in self.solved)

    @property
    def spend(self) -> Spend:
        """Compute of all problems, pilots and verifier included."""
        return total(one.spend for one in self.solved)
