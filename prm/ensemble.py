"""Several verifiers as one: the score of each step, and of the whole, is the mean, minimum or product of their scores.

A member without a usable score (missing, not a number, out of range, or an error) is left out of that verdict and
counted. Without any usable score the verdict has none; if every member failed, the first error is raised. Tokens and
FLOPs are summed over the members that answered.
"""

import asyncio
import math
from collections.abc import AsyncIterator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import Any

from langchain_core.runnables import RunnableConfig

from its_graph.batching.runnables import deliver
from its_graph.budget import flops
from its_graph.contracts import Aggregate, Candidate, Verdict, Verifier
from its_graph.errors import ConfigurationError
from its_graph.prm.families.aggregation import check_aggregation, mean
from its_graph.prm.judges.counter import Counter

__all__ = ["Ensemble"]


class Ensemble(Verifier):
    """Score candidates with all members concurrently.

    Args:
        members: the verifiers, at least one. Their scores must have the same range.
        aggregate: combines the scores of the members: `mean`, `minimum` or `product` of
            `its_graph.prm.families.aggregation`.

    Raises:
        ConfigurationError: there are no members, they score in different ranges, or `aggregate` is the product and the
            scores are unbounded.

    Example:
        >>> from its_graph import Candidate
        >>> from its_graph.prm import Ensemble, FunctionVerifier
        >>> strict, lenient = FunctionVerifier(lambda candidate: 0.25), FunctionVerifier(lambda candidate: 0.75)
        >>> candidate = Candidate(messages=({"role": "user", "content": "What is 2 + 3?"},), steps=("It is 5.",))
        >>> Ensemble([strict, lenient]).invoke(candidate).value
        0.5
    """

    def __init__(self, members: Sequence[Verifier], *, aggregate: Aggregate = mean) -> None:
        ranges = sorted({member.score_range for member in members})
        if len(ranges) != 1:
            raise ConfigurationError(
                f"The members of an ensemble must share one score range; got {ranges or 'no members'}. Convert their "
                "scores to one range first, for example with a FunctionVerifier around a member."
            )
        self.members = tuple(members)
        self.score_range = members[0].score_range
        # An upper bound for reservations; each verdict reports its actual FLOPs.
        self.parameters = max(member.parameters for member in members)
        self.missing = tuple(Counter() for _ in members)
        """For each member, the number of verdicts without its score."""
        self._aggregate = check_aggregation(aggregate, self.score_range)

    def batch_as_completed(
        self,
        inputs: Sequence[Candidate],
        config: RunnableConfig | Sequence[RunnableConfig] | None = None,
        *,
        return_exceptions: bool = False,
        **kwargs: Any,
    ) -> Iterator[tuple[int, Any]]:
        """Yield (index, verdict) once all members have answered."""
        candidates = list(inputs)
        with ThreadPoolExecutor(len(self.members), thread_name_prefix="ensemble") as threads:
            calls = [
                threads.submit(copy_context().run, member.batch, candidates, return_exceptions=True)
                for member in self.members
            ]
        replies = [call.exception() or call.result() for call in calls]
        yield from self._verdicts(candidates, replies, return_exceptions)

    async def abatch_as_completed(
        self,
        inputs: Sequence[Candidate],
        config: RunnableConfig | Sequence[RunnableConfig] | None = None,
        *,
        return_exceptions: bool = False,
        **kwargs: Any,
    ) -> AsyncIterator[tuple[int, Any]]:
        """Yield (index, verdict) once all members have answered."""
        candidates = list(inputs)
        calls = (member.abatch(candidates, return_exceptions=True) for member in self.members)
        replies = await asyncio.gather(*calls, return_exceptions=True)
        for pair in self._verdicts(candidates, replies, return_exceptions):
            yield pair

    def tokens(self, candidate: Candidate) -> int:
        """Return an upper bound of the tokens that all members read."""
        return sum(member.tokens(candidate) for member in self.members)

    def _verdicts(
        self, candidates: Sequence[Candidate], replies: Sequence[Any], return_exceptions: bool
    ) -> Iterator[tuple[int, Verdict | Exception]]:
        for index, candidate in enumerate(candidates):
            # A member whose batch failed has failed for every candidate.
            own: list[Any] = [reply if isinstance(reply, BaseException) else reply[index] for reply in replies]
            yield index, deliver(self._verdict(candidate, own), return_exceptions)

    def _verdict(self, candidate: Candidate, replies: Sequence[Verdict | Exception]) -> Verdict | Exception:
        verdicts = [reply if isinstance(reply, Verdict) else None for reply in replies]
        if not any(verdicts):
            return next(reply for reply in replies if isinstance(reply, Exception))
        usable = [verdict if verdict and self._is_usable(candidate, verdict) else None for verdict in verdicts]
        for counter, verdict in zip(self.missing, usable, strict=True):
            counter.add(verdict is None)
        present = [verdict for verdict in usable if verdict is not None]
        return Verdict(
            scores=tuple(
                self._combine([verdict.scores[step] for verdict in present]) for step in range(len(candidate.steps))
            ),
            value=self._combine([verdict.value for verdict in present]),
            tokens=sum(verdict.tokens for verdict in verdicts if verdict),
            flops=sum(
                flops(member.parameters, verdict.tokens) if verdict.flops is None else verdict.flops
                for member, verdict in zip(self.members, verdicts, strict=True)
                if verdict
            ),
        )

    def _is_usable(self, candidate: Candidate, verdict: Verdict) -> bool:
        """Return whether the verdict has one score per step and a valid value."""
        fits = len(verdict.scores) == len(candidate.steps)
        return fits and verdict.value is not None and self._is_valid(verdict.value)

    def _combine(self, scores: Sequence[float | None]) -> float | None:
        valid = [score for score in scores if score is not None and self._is_valid(score)]
        return self._aggregate(valid) if valid else None

    def _is_valid(self, score: float) -> bool:
        return math.isfinite(score) and (self.score_range == "real" or 0 <= score <= 1)
