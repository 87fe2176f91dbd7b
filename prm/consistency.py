"""Self-consistency as a verifier: a solution is as good as its answer is common (arXiv 2203.11171).

The value is the share of equivalent answers among the finished solutions of the same question that are judged together,
so it means something only for a batch: a solution that is judged alone agrees with itself. In a search that is a round:
`verify` judges all fresh solutions at once (a tight budget may split them), identical texts as one.

A solution that is not finished, or has no answer, does not vote and gets no opinion.
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
    """Judge solutions by how many of those beside them agree.

    Args:
        extract: returns the answer in a solution's text; None where there is none.
        classes: returns the class of each answer, equal ones in one class, None for no answer. Called in a thread from
            async code: comparing answers may take seconds.
    """

    def __init__(
        self,
        *,
        extract: Callable[[str], str | None] = extract_answer,
        classes: Callable[[Sequence[str | None]], Sequence[int | None]] = group,
    ) -> None:
        self._extract = extract
        self._classes = classes

    def batch_as_completed(
        self,
        inputs: Sequence[Candidate],
        config: RunnableConfig | Sequence[RunnableConfig] | None = None,
        *,
        return_exceptions: bool = False,
        **kwargs: Any,
    ) -> Iterator[tuple[int, Any]]:
        """Yield (position, verdict) once all answers are compared."""
        yield from enumerate(self._judge(inputs))

    async def abatch_as_completed(
        self,
        inputs: Sequence[Candidate],
        config: RunnableConfig | Sequence[RunnableConfig] | None = None,
        *,
        return_exceptions: bool = False,
        **kwargs: Any,
    ) -> AsyncIterator[tuple[int, Any]]:
        """Yield (position, verdict) once all answers are compared."""
        for pair in enumerate(await asyncio.to_thread(self._judge, inputs)):
            yield pair

    def tokens(self, candidate: Candidate) -> int:
        """Return 0: no model reads anything."""
        return 0

    def _judge(self, candidates: Sequence[Candidate]) -> list[Verdict]:
        questions: dict[str, list[int]] = {}
        for place, candidate in enumerate(candidates):
            questions.setdefault(json.dumps(candidate.messages, sort_keys=True, default=str), []).append(place)
        shares: dict[int, float | None] = {}
        for places in questions.values():
            shares |= zip(places, self._shares([candidates[place] for place in places]), strict=True)
        return [
            Verdict(scores=(None,) * len(candidate.steps), value=shares[place])
            for place, candidate in enumerate(candidates)
        ]

    def _shares(self, candidates: Sequence[Candidate]) -> list[float | None]:
        """Return the share of votes for each candidate's answer; None for one that does not vote."""
        answers = [self._extract(solution_text(one)) if one.finished else None for one in candidates]
        labels = self._classes(answers)
        votes = Counter(label for label in labels if label is not None)
        return [None if label is None else votes[label] / votes.total() for label in labels]
