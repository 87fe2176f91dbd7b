"""The course of a batch: which searches are let in, carried out, and answered, and what the budget bears.

Searches are let in by their order, never by arrival, so that a batch repeats exactly, whatever its concurrency.
"""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Callable, Collection, Sequence
from contextlib import aclosing
from typing import NamedTuple

from its_graph.batch.bounded_gather import bounded_gather
from its_graph.batch.budget_pool import BudgetPool, Share
from its_graph.batch.journal import Journal
from its_graph.batch.types import Allocation, AllocationPlan, BatchView, ProblemResult, ProblemStats
from its_graph.batch.search import BatchSearches, State
from its_graph.budget import NOTHING, Budget, Spend, total
from its_graph.errors import InputError, TruncationError

__all__ = ["BatchScheduler"]

_NEXT_TO_NOTHING = 1e-9
"""What a sample counts for whose model counts no cost."""
_TRIES = 3
"""Samples that may fail before the first one comes; the problem is given up then."""
_UNASKABLE = (InputError, TruncationError)
"""What models raise for a question that they cannot take: it loses itself, and no other."""


class _Job(NamedTuple):
    """A move with what it may cost."""

    move: Allocation
    samples: int
    """Samples to reach now: fewer than the move's where the budget does not bear all at once."""
    share: Share
    bound: Spend = NOTHING
    """The most that it can cost."""
    end: str | None = None
    """Why the problem is answered afterwards."""
    error: str | None = None
    """Why the problem cannot be asked at all."""

    @property
    def draws(self) -> bool:
        """Whether it asks a model."""
        return self.bound != NOTHING

    @property
    def partial(self) -> bool:
        """Whether the move is to go on afterwards."""
        return self.draws and self.samples < self.move.samples


class BatchScheduler:
    """Where a batch stands, and how it goes on."""

    def __init__(
        self,
        problems: Sequence[str],
        searches: BatchSearches,
        pool: BudgetPool,
        journal: Journal,
        concurrency: int,
        on_spend: Callable[[float], None],
    ) -> None:
        self._problems, self._searches, self._pool, self._journal = problems, searches, pool, journal
        self._concurrency, self._on_spend = concurrency, on_spend
        self._open: dict[int, ProblemStats] = {}

    def take_up(self, known: Collection[int]) -> None:
        """Open all problems but those that are answered; the journal tells how they stand."""
        begun = set(self._journal.begun(self._problems))
        for index in range(len(self._problems)):
            if index not in known:
                self._open[index] = self._taken_up(index) if index in begun else ProblemStats()

    def _taken_up(self, index: int) -> ProblemStats:
        """Return how a problem stands; one that was given up begins anew, as what made its calls fail may be over."""
        standing = self._searches.standing(self._state(index))
        if standing.failed < standing.samples or standing.samples < _TRIES:
            return standing
        self._journal.restart(index)
        return ProblemStats()

    async def run(self, plan: AllocationPlan) -> AsyncGenerator[ProblemResult]:
        """Carry out move after move until the plan has no more or the budget bears none; then answer what is open."""
        while self._open:
            moves = self._first_samples() or plan(self._view())
            before = self._standing()
            async with aclosing(self._carry_out(moves)) as answered:
                async for solved in answered:
                    yield solved
            if self._standing() == before:
                break
        rest = [_Job(Allocation(index, 0, "budget"), 0, {}, end="budget") for index in self._open]
        async with aclosing(bounded_gather(map(self._perform, rest), self._concurrency)) as answered_last:
            async for last in answered_last:
                if last:
                    yield last

    def _first_samples(self) -> list[Allocation]:
        """Return the moves that bring each problem a sample that did not fail; a few failures are the end of it.

        Plans read nothing of how it failed, and would take it for the hardest of all.
        """
        return [
            Allocation(index, min(one.samples + 1, _TRIES), "failed" if one.samples >= _TRIES else None)
            for index, one in self._open.items()
            if one.failed == one.samples
        ]

    def _standing(self) -> tuple[int, int]:
        return len(self._open), sum(one.samples for one in self._open.values())

    def _view(self) -> BatchView:
        samples = sum(one.samples for one in self._open.values())
        spent = total(one.spend for one in self._open.values())
        mean = {name: amount / samples for name, amount in self._pool.share(spent).items()}
        unit = self._pool.nearest(mean)
        costs = {
            index: max(getattr(one.spend, unit) / one.samples or mean[unit], _NEXT_TO_NOTHING)
            for index, one in self._open.items()
        }
        return BatchView(self._open, costs, max(0.0, self._pool.remaining[unit]))

    # --- waves ----------------------------------------------------------------------------------------------------

    async def _carry_out(self, moves: Sequence[Allocation]) -> AsyncGenerator[ProblemResult]:
        waiting = deque({move.problem: move for move in moves if move.problem in self._open}.values())
        while waiting:
            wave = self._admit(waiting)
            async with aclosing(bounded_gather(map(self._perform, wave), self._concurrency)) as done:
                async for solved in done:
                    self._on_spend(self._pool.used)
                    if solved:
                        yield solved
            self._pool.release()
            # What did not fit as a whole goes on with what is left now.
            waiting.extendleft(job.move for job in wave if job.partial and job.move.problem in self._open)

    def _admit(self, waiting: deque[Allocation]) -> list[_Job]:
        """Take as many moves as the budget bears at their worst, in order; the first that draws is made to fit."""
        wave: list[_Job] = []
        while waiting and not (wave and wave[-1].partial):
            job = self._job(waiting[0])
            if job is None:
                break
            waiting.popleft()
            wave.append(job)
        return wave

    def _job(self, move: Allocation) -> _Job | None:
        """Return what a move does now, its share held, or None where it has to wait for the wave to settle."""
        drawn = self._open[move.problem].samples
        if (wanted := move.samples - drawn) <= 0:
            return _Job(move, move.samples, {}, end=move.stop_reason)
        state = self._searches.begin(move.problem, self._problems[move.problem])
        try:
            price = self._searches.price(state)
        except _UNASKABLE as error:
            return _Job(move, move.samples, {}, end="failed", error=str(error))
        fits = min(wanted, self._pool.times(self._pool.share(price)))
        if fits == wanted or (fits and self._pool.idle):
            share, bound = self._pool.share(price, fits), total([price] * fits)
            self._pool.hold(share)
            return _Job(move, drawn + fits, share, bound, move.stop_reason if fits == wanted else None)
        if not self._pool.idle:
            return None
        if self._pool.times(self._least(move.problem, state)):
            share = self._pool.remaining
            self._pool.hold(share)
            return _Job(move, drawn + 1, share, price, move.stop_reason if wanted == 1 else None)
        return _Job(move, move.samples, {}, end="budget")

    def _least(self, index: int, state: State) -> Share:
        """Return what must be left to try a sample: what one has cost so far, and before the first the least of all."""
        one = self._open[index]
        if not one.samples:
            return self._pool.share(self._searches.least_price(state))
        return {name: amount / one.samples for name, amount in self._pool.share(one.spend).items()}

    # --- one search -----------------------------------------------------------------------------------------------

    async def _perform(self, job: _Job) -> ProblemResult | None:
        """Draw what the job says; return the problem if that was its last."""
        index = job.move.problem
        state, end = self._state(index), job.end
        if job.draws:
            try:
                state = await self._extend(job, state)
            except _UNASKABLE as error:
                job, end = job._replace(error=str(error)), "failed"
                self._pool.settle(job.share)  # how much of it was spent is not known
            end = end or ("budget" if self._open[index].samples < job.samples else None)
        if end is None:
            return None
        standing = self._open.pop(index)
        if job.error is not None:
            return ProblemResult(
                index, self._problems[index], {}, standing.samples, standing.spend, job.error, refused=True
            )
        return await self._searches.answer(index, self._problems[index], state, end)

    async def _extend(self, job: _Job, state: State) -> State:
        index = job.move.problem
        spent = self._open[index].spend
        allowed = Budget(**{name: amount + getattr(spent, name) for name, amount in job.share.items()})
        self._journal.begin(index, job.bound)
        after = await self._searches.extend(state, job.samples, allowed)
        self._journal.add(index, self._problems[index], state, after)
        # Without a verifier answers are compared, and math-verify may take seconds for it.
        self._open[index] = await asyncio.to_thread(self._searches.standing, after)
        now = self._pool.share(self._open[index].spend)
        self._pool.settle({name: amount - getattr(spent, name) for name, amount in now.items()})
        return after

    def _state(self, index: int) -> State:
        """Return the search as it was left: what is written down, and what follows from its number."""
        return self._searches.begin(index, self._problems[index]) | self._journal.logs(index)
