"""The data types of a batch: what a plan sees and decides, and the results."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

from its_graph.budget import NOTHING, Spend, total

__all__ = ["Allocation", "AllocationPlan", "BatchReport", "BatchView", "ProblemResult", "ProblemStats"]


class ProblemStats(NamedTuple):
    """Statistics of one problem's samples so far: a few numbers, so that 100,000 problems fit into memory.

    Args:
        samples: samples drawn so far, failed ones included.
        correct: samples that look correct: the sum of their scores, or without a verifier the votes of the leading
            answer.
        incorrect: the other samples, failed ones included.
        unsolved: probability that none of the samples is correct, by the verifier; 1 without one, as votes do not give
            it.
        best_score: best score in [0, 1]; None without scores.
        spend: compute of all samples.
        difficulty: in [0, 1], as policies read it: `routing.difficulty.by_verifier`, or `by_agreement` without a
            verifier.
        failed: samples whose calls failed.

    Example:
        >>> from its_graph.batch import ProblemStats
        >>> ProblemStats(samples=2, correct=0.9, incorrect=1.1, unsolved=0.2, best_score=0.8).samples
        2
    """

    samples: int = 0
    correct: float = 0.0
    incorrect: float = 0.0
    unsolved: float = 1.0
    best_score: float | None = None
    spend: Spend = NOTHING
    difficulty: float = 1.0
    failed: int = 0


class BatchView(NamedTuple):
    """The input of a plan: the open problems and the remaining budget.

    Args:
        open: statistics of each open problem, by its index.
        costs: expected cost of one more sample of each open problem, verification included; above 0.
        remaining: remaining budget of the batch in the unit of `costs`: that of the limit that allows the fewest
            samples.

    Example:
        >>> from its_graph.batch import BatchView, ProblemStats, uniform_plan
        >>> view = BatchView(open={7: ProblemStats(samples=1)}, costs={7: 100.0}, remaining=350.0)
        >>> uniform_plan()(view)
        [Allocation(problem=7, samples=4, stop_reason='allocation')]
    """

    open: Mapping[int, ProblemStats]
    costs: Mapping[int, float]
    remaining: float


class Allocation(NamedTuple):
    """A decision of a plan: how many samples a problem gets in all.

    Args:
        problem: index of the problem.
        samples: total number of samples to reach; a number that the problem already has draws none.
        stop_reason: why the problem gets nothing after this allocation: it is then answered. None keeps it open.

    Example:
        >>> from its_graph.batch import Allocation
        >>> Allocation(problem=7, samples=4)
        Allocation(problem=7, samples=4, stop_reason=None)
    """

    problem: int
    samples: int
    stop_reason: str | None = None


AllocationPlan: TypeAlias = Callable[[BatchView], Sequence[Allocation]]
"""A pure function that returns the next allocations. It is called again after they are carried out; none end the batch.

When it is called, every open problem has at least one sample that did not fail. Allocations are carried out in order as
far as the budget permits.
"""


class ProblemResult(NamedTuple):
    """The result of one problem of a batch.

    Args:
        problem_index: from 0.
        problem: text of the problem.
        result: the result of its search with every candidate; empty if the search failed.
        samples: samples drawn, failed ones included.
        spend: compute of its samples and of their verification.
        error: why the search failed; None if it did not.
        refused: whether the models cannot accept the question, so that a retry is pointless.

    Example:
        >>> import asyncio
        >>> from its_graph import Budget
        >>> from its_graph.batch import solve_batch
        >>> from its_graph.testing import ToyGenerator, ToyVerifier
        >>> report = asyncio.run(
        ...     solve_batch(["Add 1, 2."], ToyGenerator(0.0), ToyVerifier(), budget=Budget(calls=20))
        ... )
        >>> report.results[0].answer, report.results[0].error
        ('3', None)
    """

    problem_index: int
    problem: str
    result: Mapping[str, Any]
    samples: int
    spend: Spend
    error: str | None = None
    refused: bool = False

    @property
    def answer(self) -> str | None:
        """The answer; None if the budget did not suffice for a sample, or the search failed."""
        return self.result.get("answer")

    @property
    def text(self) -> str | None:
        """The text of the chosen solution."""
        return self.result.get("text")

    @property
    def score(self) -> float | None:
        """The verifier's score of the chosen solution."""
        candidates = self.result.get("candidates", ())
        return next((candidate["score"] for candidate in candidates if candidate["text"] == self.text), None)

    @property
    def stop_reason(self) -> str:
        """Why the problem got no more samples."""
        if self.error is not None:
            return "refused" if self.refused else "failed"
        return str(self.result["stop_reason"])


class BatchReport(NamedTuple):
    """The results of all problems of a batch, in their order.

    Args:
        results: one for each problem.

    Example:
        >>> from its_graph.batch import BatchReport
        >>> BatchReport(results=()).spend.tokens
        0
    """

    results: tuple[ProblemResult, ...]

    @property
    def answers(self) -> list[str | None]:
        """The answer of each problem."""
        return [result.answer for result in self.results]

    @property
    def unanswered(self) -> int:
        """Number of problems without an answer."""
        return sum(result.answer is None for result in self.results)

    @property
    def samples(self) -> int:
        """Samples of all problems."""
        return sum(result.samples for result in self.results)

    @property
    def spend(self) -> Spend:
        """Compute of all problems, pilots and verifier included."""
        return total(result.spend for result in self.results)
