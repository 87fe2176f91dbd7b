"""Several verifiers as one: each step, and the whole, gets the mean, the weakest or the product of their opinions.

A member without an opinion (no score, a score that is no number, an error) is left out of that verdict and counted; the
others decide. Without any opinion there is none, and where every member failed the first error is raised. Tokens and
FLOPs add up over the members that answered.
"""

import asyncio
import math
from collections.abc import AsyncIterator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import Any

from langchain_core.runnables import RunnableConfig

from its_graph.budget import flops
from its_graph.contracts import Aggregate, Candidate, Verdict, Verifier
from its_graph.errors import ConfigurationError
from its_graph.prm.families.aggregation import check_aggregation, mean
from its_graph.prm.judges.counter import Counter

__all__ = ["Ensemble"]


class Ensemble(Verifier):
    """Judge candidates by all members at the same time.

    Args:
        members: the verifiers. Their scores must have the same range.
        rule: turns the opinions on one thing into one: `mean`, `minimum` or `product` of `its_graph.prm.families.aggregation`.

    Raises:
        ConfigurationError: there are no members, or they score in different ranges.
    """

    def __init__(self, members: Sequence[Verifier], *, rule: Aggregate = mean) -> None:
        ranges = sorted({member.score_range for member in members})
        if len(ranges) != 1:
            raise ConfigurationError(
                f"An ensemble needs members that score in one range, given {ranges or 'no members'}. Bring them to "
                "one range first, for instance with a FunctionVerifier around a member."
            )
        self.members = tuple(members)
        self.score_range = members[0].score_range
        # An upper bound for reservations; each verdict says what it really took.
        self.parameters = max(member.parameters for member in members)
        self.missing = tuple(Counter() for _ in members)
        """For each member the verdicts in which its opinion was missing."""
        self._rule = check_aggregation(rule, self.score_range)

    def batch_as_completed(
        self,
        inputs: Sequence[Candidate],
        config: RunnableConfig | Sequence[RunnableConfig] | None = None,
        *,
        return_exceptions: bool = False,
        **kwargs: Any,
    ) -> Iterator[tuple[int, Any]]:
        """Yield (position, verdict) once all members have answered."""
        asked = list(inputs)
        with ThreadPoolExecutor(len(self.members), thread_name_prefix="ensemble") as threads:
            calls = [
                threads.submit(copy_context().run, member.batch, asked, return_exceptions=True)
                for member in self.members
            ]
        replies = [call.exception() or call.result() for call in calls]
        yield from self._verdicts(asked, replies, return_exceptions)

    async def abatch_as_completed(
        self,
        inputs: Sequence[Candidate],
        config: RunnableConfig | Sequence[RunnableConfig] | None = None,
        *,
        return_exceptions: bool = False,
        **kwargs: Any,
    ) -> AsyncIterator[tuple[int, Any]]:
        """Yield (position, verdict) once all members have answered."""
        asked = list(inputs)
        calls = (member.abatch(asked, return_exceptions=True) for member in self.members)
        replies = await asyncio.gather(*calls, return_exceptions=True)
        for pair in self._verdicts(asked, replies, return_exceptions):
            yield pair

    def tokens(self, candidate: Candidate) -> int:
        """Return what all members read at most."""
        return sum(member.tokens(candidate) for member in self.members)

    def _verdicts(
        self, candidates: Sequence[Candidate], replies: Sequence[Any], return_exceptions: bool
    ) -> Iterator[tuple[int, Verdict | Exception]]:
        for place, candidate in enumerate(candidates):
            # A member that failed as a whole has failed for every candidate.
            own: list[Any] = [reply if isinstance(reply, BaseException) else reply[place] for reply in replies]
            outcome = self._verdict(candidate, own)
            if isinstance(outcome, Exception) and not return_exceptions:
                raise outcome
            yield place, outcome

    def _verdict(self, candidate: Candidate, replies: Sequence[Verdict | Exception]) -> Verdict | Exception:
        verdicts = [reply if isinstance(reply, Verdict) else None for reply in replies]
        if not any(verdicts):
            return next(reply for reply in replies if isinstance(reply, Exception))
        opinions = [None if verdict is None else self._opinion(candidate, verdict) for verdict in verdicts]
        for tally, opinion in zip(self.missing, opinions, strict=True):
            tally.add(opinion is None)
        present = [opinion for opinion in opinions if opinion is not None]
        return Verdict(
            scores=tuple(self._joined([one.scores[step] for one in present]) for step in range(len(candidate.steps))),
            value=self._joined([one.value for one in present]),
            tokens=sum(verdict.tokens for verdict in verdicts if verdict),
            flops=sum(
                flops(member.parameters, verdict.tokens) if verdict.flops is None else verdict.flops
                for member, verdict in zip(self.members, verdicts, strict=True)
                if verdict
            ),
        )

    def _opinion(self, candidate: Candidate, verdict: Verdict) -> Verdict | None:
        """Return the verdict where it says something that can be used."""
        fits = len(verdict.scores) == len(candidate.steps)
        return verdict if fits and verdict.value is not None and self._usable(verdict.value) else None

    def _joined(self, scores: Sequence[float | None]) -> float | None:
        known = [score for score in scores if score is not None and self._usable(score)]
        return self._rule(known) if known else None

    def _usable(self, score: float) -> bool:
        return math.isfinite(score) and (self.score_range == "real" or 0 <= score <= 1)
