"""Schedules the searches of a batch: admits them within the budget, runs them, and answers the problems.

Admission follows the order of the allocations, never arrival times, so a batch is reproducible at any concurrency.
"""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Callable, Collection, Sequence
from contextlib import aclosing
from typing import NamedTuple

from its_graph.batch.bounded_gather import bounded_gather
from its_graph.batch.budget_pool import Amounts, BudgetPool
from its_graph.batch.journal import Journal
from its_graph.batch.search import BatchSearches, State
from its_graph.batch.types import Allocation, AllocationPlan, BatchView, ProblemResult, ProblemStats
from its_graph.budget import NOTHING, Budget, Spend, total
from its_graph.errors import InputError, TruncationError

__all__ = ["BatchScheduler"]

_MIN_COST = 1e-9
"""Cost of a sample whose model reports none: plans divide by costs."""
_MAX_FIRST_ATTEMPTS = 3
"""Samples that may fail before the first success; then the problem is given up."""
_REFUSALS = (InputError, TruncationError)
"""Errors for a question that the models cannot accept: they end this problem only."""


class _Job(NamedTuple):
    """An allocation as admitted: what it does now and what that may cost."""

    allocation: Allocation
    samples: int
    """Samples to reach now: fewer than allocated if the budget does not cover all of them at once."""
    reserved: Amounts
    bound: Spend = NOTHING
    """Upper limit of the cost."""
    stop_reason: str | None = None
    """Why the problem is answered afterwards; None keeps it open."""
    error: str | None = None
    """Why the models cannot accept the problem."""

    @property
    def draws(self) -> bool:
        """Whether it calls a model."""
        return self.bound != NOTHING

    @property
    def partial(self) -> bool:
        """Whether the allocation continues afterwards."""
        return self.draws and self.samples < self.allocation.samples


class BatchScheduler:
    """Runs a plan over the problems of a batch.

    Args:
        problems: all problems of the batch.
        searches: how one problem is searched.
        pool: the budget.
        journal: where samples are stored.
        concurrency: searches that run at the same time.
        on_spend: called with the spent fraction of the budget after each job.
    """

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

    def open_problems(self, skip: Collection[int]) -> None:
        """Open all problems except those in `skip`, with the statistics of the samples in the journal."""
        started = set(self._journal.started_problems(self._problems))
        for index in range(len(self._problems)):
            if index not in skip:
                self._open[index] = self._resumed_stats(index) if index in started else ProblemStats()

    def _resumed_stats(self, index: int) -> ProblemStats:
        """Return the statistics of a started problem. One that was given up restarts: its failures may be over."""
        stats = self._searches.stats(self._state(index))
        if stats.failed < stats.samples or stats.samples < _MAX_FIRST_ATTEMPTS:
            return stats
        self._journal.restart(index)
        return ProblemStats()

    async def run(self, plan: AllocationPlan) -> AsyncGenerator[ProblemResult]:
        """Carry out the plan until it or the budget yields no more samples; then answer the problems still open."""
        while self._open:
            allocations = self._first_samples() or plan(self._view())
            before = self._progress()
            async with aclosing(self._carry_out(allocations)) as results:
                async for result in results:
                    yield result
            if self._progress() == before:
                break
        rest = [_Job(Allocation(index, 0, "budget"), 0, {}, stop_reason="budget") for index in self._open]
        async with aclosing(bounded_gather(map(self._perform, rest), self._concurrency)) as last_results:
            async for last_result in last_results:
                if last_result:
                    yield last_result

    def _first_samples(self) -> list[Allocation]:
        """Return the allocations that bring each problem one sample that did not fail, or give it up.

        Plans do not see why samples failed and would take such a problem for the hardest of all.
        """
        return [
            Allocation(
                index,
                min(stats.samples + 1, _MAX_FIRST_ATTEMPTS),
                "failed" if stats.samples >= _MAX_FIRST_ATTEMPTS else None,
            )
            for index, stats in self._open.items()
            if stats.failed == stats.samples
        ]

    def _progress(self) -> tuple[int, int]:
        return len(self._open), sum(stats.samples for stats in self._open.values())

    def _view(self) -> BatchView:
        samples = sum(stats.samples for stats in self._open.values())
        spent = total(stats.spend for stats in self._open.values())
        mean = {name: amount / samples for name, amount in self._pool.amounts(spent).items()}
        unit = self._pool.tightest_measure(mean)
        costs = {
            index: max(getattr(stats.spend, unit) / stats.samples or mean[unit], _MIN_COST)
            for index, stats in self._open.items()
        }
        return BatchView(self._open, costs, max(0.0, self._pool.remaining[unit]))

    # --- waves ----------------------------------------------------------------------------------------------------

    async def _carry_out(self, allocations: Sequence[Allocation]) -> AsyncGenerator[ProblemResult]:
        by_problem = {allocation.problem: allocation for allocation in allocations if allocation.problem in self._open}
        waiting = deque(by_problem.values())
        while waiting:
            wave = self._admit(waiting)
            async with aclosing(bounded_gather(map(self._perform, wave), self._concurrency)) as results:
                async for result in results:
                    self._on_spend(self._pool.used_fraction)
                    if result:
                        yield result
            self._pool.release()
            # Allocations that did not fit as a whole continue with what remains now.
            waiting.extendleft(job.allocation for job in wave if job.partial and job.allocation.problem in self._open)

    def _admit(self, waiting: deque[Allocation]) -> list[_Job]:
        """Take as many allocations as the budget covers at their worst case, in order.

        If not even the first that draws fits, it is reduced to what does.
        """
        wave: list[_Job] = []
        while waiting and not (wave and wave[-1].partial):
            job = self._reserve(waiting[0])
            if job is None:
                break
            waiting.popleft()
            wave.append(job)
        return wave

    def _reserve(self, allocation: Allocation) -> _Job | None:
        """Reserve budget for an allocation and return its job, or None if it must wait for the wave to settle."""
        drawn = self._open[allocation.problem].samples
        if (wanted := allocation.samples - drawn) <= 0:
            return _Job(allocation, allocation.samples, {}, stop_reason=allocation.stop_reason)
        state = self._searches.initial_state(allocation.problem, self._problems[allocation.problem])
        try:
            price = self._searches.worst_case(state)
        except _REFUSALS as error:
            return _Job(allocation, allocation.samples, {}, stop_reason="failed", error=str(error))
        count = min(wanted, self._pool.affordable(self._pool.amounts(price)))
        if count == wanted or (count and self._pool.idle):
            reserved, bound = self._pool.amounts(price, count), total([price] * count)
            self._pool.reserve(reserved)
            return _Job(allocation, drawn + count, reserved, bound, allocation.stop_reason if count == wanted else None)
        if not self._pool.idle:
            return None
        if self._pool.affordable(self._least_amounts(allocation.problem, state)):
            reserved = self._pool.remaining
            self._pool.reserve(reserved)
            return _Job(allocation, drawn + 1, reserved, price, allocation.stop_reason if wanted == 1 else None)
        return _Job(allocation, allocation.samples, {}, stop_reason="budget")

    def _least_amounts(self, index: int, state: State) -> Amounts:
        """Return what must remain to attempt a sample: the mean cost so far, or a shortest sample at first."""
        stats = self._open[index]
        if not stats.samples:
            return self._pool.amounts(self._searches.shortest_worst_case(state))
        return {name: amount / stats.samples for name, amount in self._pool.amounts(stats.spend).items()}

    # --- one search -----------------------------------------------------------------------------------------------

    async def _perform(self, job: _Job) -> ProblemResult | None:
        """Draw the samples of a job; return the result of the problem if this ends it."""
        index = job.allocation.problem
        state, stop_reason = self._state(index), job.stop_reason
        if job.draws:
            try:
                state = await self._extend(job, state)
            except _REFUSALS as error:
                job, stop_reason = job._replace(error=str(error)), "failed"
                self._pool.settle(job.reserved)  # how much of it was spent is unknown
            stop_reason = stop_reason or ("budget" if self._open[index].samples < job.samples else None)
        if stop_reason is None:
            return None
        stats = self._open.pop(index)
        if job.error is not None:
            return ProblemResult(index, self._problems[index], {}, stats.samples, stats.spend, job.error, refused=True)
        return await self._searches.answer(index, self._problems[index], state, stop_reason)

    async def _extend(self, job: _Job, state: State) -> State:
        index = job.allocation.problem
        spent = self._open[index].spend
        allowed = Budget(**{name: amount + getattr(spent, name) for name, amount in job.reserved.items()})
        self._journal.begin(index, job.bound)
        after = await self._searches.extend(state, job.samples, allowed)
        self._journal.add(index, self._problems[index], state, after)
        # Without a verifier, this compares answers, and math-verify may take seconds.
        self._open[index] = await asyncio.to_thread(self._searches.stats, after)
        spent_now = self._pool.amounts(self._open[index].spend)
        self._pool.settle({name: amount - getattr(spent, name) for name, amount in spent_now.items()})
        return after

    def _state(self, index: int) -> State:
        """Return the state of a search: its journal entries on top of the initial state."""
        return self._searches.initial_state(index, self._problems[index]) | self._journal.logs(index)
