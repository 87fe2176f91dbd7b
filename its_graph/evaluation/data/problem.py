"""A problem with a known answer, and who tells whether another answer is right."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple, TypeAlias

from its_graph.text.equivalence import equivalent

__all__ = ["AnyProblem", "Problem", "Scorer", "to_problem"]

Scorer: TypeAlias = Callable[[str], bool]
"""Tells whether an answer, extracted but not normalised, is right. It may block; it is called in a thread."""


class Problem(NamedTuple):
    """A problem, its right answer, and whatever else its data set says of it."""

    problem: str
    answer: str
    fields: Mapping[str, Any] = MappingProxyType({})
    """Level, subject and the like, as plain data."""
    scorer: Scorer | None = None
    """Who tells a right answer, where several are; None takes what is equivalent to `answer`."""

    def is_correct(self, answer: str | None) -> bool:
        """Tell whether `answer` is right; no answer never is."""
        if answer is None:
            return False
        return equivalent(answer, self.answer) if self.scorer is None else self.scorer(answer)


AnyProblem: TypeAlias = tuple[str, str] | Problem
"""A problem, or the bare pair of it and its answer."""


def to_problem(given: AnyProblem) -> Problem:
    """Return a pair as a problem, and a problem as it is."""
    return given if isinstance(given, Problem) else Problem(*given)
