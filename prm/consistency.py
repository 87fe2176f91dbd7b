"""Self-consistency as a verifier: a solution is as good as its answer is common (arXiv 2203.11171).

The value is the share of equivalent answers among the finished solutions of the same question in one batch. It is
meaningful only for a batch: a single solution always agrees with itself. In a search the batch is a round: `verify`
scores all new solutions together (a tight budget may split them), and identical texts count once.

A solution that is not finished, or has no answer, does not vote and gets no score.
"""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from typing import Any

from langchain_core.runnables import RunnableConfig

from its_graph.contracts import Candidate, Verdict, Verifier
from its_graph.prm.judges.prompts import solution_text
from its_graph.text.answers import extract_answer
from its_graph.text.equivalence import group

__all__ = ["ConsistencyVerifier"]


class ConsistencyVerifier(Verifier):
    r"""Score solutions by the share of the batch that agrees with them.

    Args:
        extract: returns the answer in a solution's text; None if it has no answer.
        group: returns the answer class of each answer: equal numbers for equivalent answers, None for no answer. Async
            code calls it in a thread, because comparing answers may take seconds.

    Example:
        >>> from its_graph import Candidate
        >>> from its_graph.prm import ConsistencyVerifier
        >>> question = ({"role": "user", "content": "What is 2 + 3?"},)
        >>> batch = [
        ...     Candidate(messages=question, steps=(rf"\boxed{{{answer}}}",), finished=True) for answer in (5, 5, 5, 6)
        ... ]
        >>> [verdict.value for verdict in ConsistencyVerifier().batch(batch)]
        [0.75, 0.75, 0.75, 0.25]
    """

    def __init__(
        self,
        *,
        extract: Callable[[str], str | None] = extract_answer,
        group: Callable[[Sequence[str | None]], Sequence[int | None]] = group,
    ) -> None:
        self._extract = extract
        self._group = group

    def batch_as_completed(
        self,
        inputs: Sequence[Candidate],
        config: RunnableConfig | Sequence[RunnableConfig] | None = None,
        *,
        return_exceptions: bool = False,
        **kwargs: Any,
    ) -> Iterator[tuple[int, Any]]:
        """Yield (index, verdict) once all answers are compared."""
        yield from enumerate(self._verify(inputs))

    async def abatch_as_completed(
        self,
        inputs: Sequence[Candidate],
        config: RunnableConfig | Sequence[RunnableConfig] | None = None,
        *,
        return_exceptions: bool = False,
        **kwargs: Any,
    ) -> AsyncIterator[tuple[int, Any]]:
        """Yield (index, verdict) once all answers are compared."""
        for pair in enumerate(await asyncio.to_thread(self._verify, inputs)):
            yield pair

    def tokens(self, candidate: Candidate) -> int:
        """Return 0: no model is run."""
        return 0

    def _verify(self, candidates: Sequence[Candidate]) -> list[Verdict]:
        questions: dict[str, list[int]] = {}
        for index, candidate in enumerate(candidates):
            questions.setdefault(json.dumps(candidate.messages, sort_keys=True, default=str), []).append(index)
        shares: dict[int, float | None] = {}
        for indices in questions.values():
            shares |= zip(indices, self._shares([candidates[index] for index in indices]), strict=True)
        return [
            Verdict(scores=(None,) * len(candidate.steps), value=shares[index])
            for index, candidate in enumerate(candidates)
        ]

    def _shares(self, candidates: Sequence[Candidate]) -> list[float | None]:
        """Return the share of votes for each candidate's answer; None for a candidate that does not vote."""
        answers = [self._extract(solution_text(candidate)) if candidate.finished else None for candidate in candidates]
        classes = self._group(answers)
        votes = Counter(answer_class for answer_class in classes if answer_class is not None)
        return [None if answer_class is None else votes[answer_class] / votes.total() for answer_class in classes]
