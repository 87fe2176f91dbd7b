"""A problem with a known answer, and the check of another answer against it."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple, TypeAlias

from its_graph.text.equivalence import equivalent

__all__ = ["AnyProblem", "Problem", "Scorer", "to_problem"]

Scorer: TypeAlias = Callable[[str], bool]
"""Whether an extracted answer, not normalized, is correct. It runs in a thread, so it may block."""


class Problem(NamedTuple):
    """A problem, its correct answer, and the other fields of its data set.

    Args:
        problem: question text.
        answer: correct answer.
        metadata: level, subject and the like, as plain data.
        scorer: decides whether an answer is correct, for problems with several correct answers; None accepts answers
            equivalent to `answer`.

    Example:
        >>> from its_graph.evaluation import Problem
        >>> Problem("What is a half?", "1/2").is_correct("0.5")
        True
        >>> Problem("Name an odd number.", "3", scorer=lambda answer: int(answer) % 2 == 1).is_correct("7")
        True
    """

    problem: str
    answer: str
    metadata: Mapping[str, Any] = MappingProxyType({})
    scorer: Scorer | None = None

    def is_correct(self, answer: str | None) -> bool:
        """Return whether `answer` is correct; None never is."""
        if answer is None:
            return False
        return equivalent(answer, self.answer) if self.scorer is None else self.scorer(answer)


AnyProblem: TypeAlias = tuple[str, str] | Problem
"""A `Problem`, or a (problem, answer) pair."""


def to_problem(problem: AnyProblem) -> Problem:
    """Convert a pair to a `Problem`; return a `Problem` unchanged."""
    return problem if isinstance(problem, Problem) else Problem(*problem)
