"""Solve many problems under one budget.

1. Every problem gets one sample, in their order, as far as the budget goes; who has only failed ones by the third is
given up. 2. The plan says who gets more; a wave of searches is let in, as many as the budget bears at their worst, and
continued. 3. What they did not use is there for the next wave. 4. Who gets no more is answered; at the end, everybody.
"""

from collections.abc import AsyncGenerator, Callable, Collection, Sequence
from contextlib import aclosing

from its_graph.batch.budget_pool import BudgetPool
from its_graph.batch.journal import Journal
from its_graph.batch.plans import beta_greedy_plan
from its_graph.batch.types import AllocationPlan, BatchReport, ProblemResult
from its_graph.batch.scheduler import BatchScheduler
from its_graph.batch.search import BatchSearches
from its_graph.budget import Budget
from its_graph.context import SearchContext
from its_graph.contracts import Generator, Verifier
from its_graph.errors import ConfigurationError, InputError
from its_graph.jsonl import JsonLines
from its_graph.nodes.pricing import require_known_parameters

__all__ = ["solve_batch", "stream_solutions"]


async def solve_batch(
    problems: Sequence[str],
    generator: Generator,
    verifier: Verifier | None = None,
    *,
    budget: Budget,
    plan: AllocationPlan | None = None,
    seed: int = 0,
    context: SearchContext | None = None,
    concurrency: int = 8,
    on_result: Callable[[ProblemResult], None] = lambda solved: None,
) -> BatchReport:
    """Solve all problems and return them in their order; see `stream_solutions`, which holds no more than it must.

    Args:
        problems: questions, none of them empty.
        generator: where samples come from.
        verifier: scores them; without one the votes decide.
        budget: of the whole batch, the verifier included: tokens, generated_tokens, calls or flops.
        plan: who gets the samples, `beta_greedy_plan()` unless given.
        seed: of the whole batch; a problem's own is derived from it and the problem's number.
        context: settings of every search, but for the seed; its budget holds for each search by itself as well.
        concurrency: searches under way at the same time; a backend that batches merges their calls.
        on_result: called as each problem is answered.

    Raises:
        ConfigurationError: a budget without any limit, or of FLOPs that the generator cannot count, or for what the
            models refuse.
        InputError: a problem is empty.
    """
    given = stream_solutions(
        problems,
        generator,
        verifier,
        budget=budget,
        plan=plan,
        seed=seed,
        context=context,
        concurrency=concurrency,
    )
    solved = []
    async with aclosing(given) as arriving:
        async for one in arriving:
            on_result(one)
            solved.append(one)
    return BatchReport(tuple(sorted(solved)))


async def stream_solutions(
    problems: Sequence[str],
    generator: Generator,
    verifier: Verifier | None = None,
    *,
    budget: Budget,
    plan: AllocationPlan | None = None,
    seed: int = 0,
    context: SearchContext | None = None,
    concurrency: int = 8,
    journal: Journal | None = None,
    known: Collection[int] = (),
    on_spend: Callable[[float], None] = lambda used: None,
) -> AsyncGenerator[ProblemResult]:
    """Yield each problem as it is answered, in any order; close the generator to stop (`contextlib.aclosing`).

    Samples are kept in the journal, not in memory, until their problem is answered. With a journal of your own a batch
    that was stopped, or killed, goes on where it was.

    Args, beyond those of `solve_batch`:
        journal: where samples are kept, a temporary file unless given; what it tells counts against the budget.
        known: numbers of problems that an earlier run has answered: they are passed over.
        on_spend: told the part of the budget that is spent, in [0, 1], whenever some was.
    """
    require_known_parameters(budget, generator.parameters, generator)
    if concurrency < 1:
        raise ConfigurationError(f"A batch needs a concurrency of at least 1. Given: {concurrency}.")
    for index, problem in enumerate(problems):
        if not problem.strip():
            raise InputError(f"Problem {index} is empty. Give every problem a question, or leave it out.")
    scratch = JsonLines.temporary()
    try:
        kept = journal or Journal(scratch)
        searches = BatchSearches(generator, verifier, context or SearchContext(), seed)
        batch = BatchScheduler(problems, searches, BudgetPool(budget, kept.spent), kept, concurrency, on_spend)
        batch.take_up(known)
        async with aclosing(batch.run(plan or beta_greedy_plan())) as answered:
            async for solved in answered:
                yield solved
    finally:
        scratch.close()
