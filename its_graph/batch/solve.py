"""Solve many problems under one budget.

1. Every problem gets one sample, in order, as far as the budget allows; a problem whose first three samples fail is
given up. 2. The plan allocates more samples; the scheduler admits a wave of searches, as many as the budget covers at
their worst case, and continues them. 3. What a wave does not use is available to the next. 4. A problem that gets no
more samples is answered; at the end, all are.
"""

from collections.abc import AsyncGenerator, Callable, Collection, Sequence
from contextlib import aclosing

from its_graph.batch.budget_pool import BudgetPool
from its_graph.batch.journal import Journal
from its_graph.batch.plans import beta_greedy_plan
from its_graph.batch.scheduler import BatchScheduler
from its_graph.batch.search import BatchSearches
from its_graph.batch.types import AllocationPlan, BatchReport, ProblemResult
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
    on_result: Callable[[ProblemResult], None] = lambda result: None,
) -> BatchReport:
    """Solve all problems under one budget and return the results in their order.

    `stream_solutions` does the same with constant memory.

    Args:
        problems: question texts, none of them empty.
        generator: where samples come from.
        verifier: scores the samples; None decides by votes.
        budget: limits of the whole batch, verification included: tokens, generated_tokens, calls or flops.
        plan: which problems get more samples; None takes `beta_greedy_plan()`.
        seed: seed of the batch; the seed of a problem derives from it and the problem's index.
        context: settings of every search except the seed; its budget limits each search separately.
        concurrency: searches that run at the same time, at least 1; a backend that batches merges their calls.
        on_result: called with each result as it completes.

    Raises:
        ConfigurationError: the budget has no limit, limits FLOPs that the generator cannot count, or the models reject
            the setup.
        InputError: a problem is empty.

    Example:
        >>> import asyncio
        >>> from its_graph import Budget
        >>> from its_graph.batch import solve_batch
        >>> from its_graph.testing import ToyGenerator, ToyVerifier
        >>> problems = ["Add 1, 2.", "Add 3, 5, 4.", "Add 9, 9, 9, 9."]
        >>> report = asyncio.run(
        ...     solve_batch(problems, ToyGenerator(0.3), ToyVerifier(), budget=Budget(tokens=1000))
        ... )
        >>> report.answers, report.spend.tokens <= 1000
        (['3', '12', '36'], True)
    """
    stream = stream_solutions(
        problems,
        generator,
        verifier,
        budget=budget,
        plan=plan,
        seed=seed,
        context=context,
        concurrency=concurrency,
    )
    results = []
    async with aclosing(stream) as solutions:
        async for result in solutions:
            on_result(result)
            results.append(result)
    return BatchReport(tuple(sorted(results)))


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
    skip: Collection[int] = (),
    on_spend: Callable[[float], None] = lambda used: None,
) -> AsyncGenerator[ProblemResult]:
    """Yield each result as it completes, in any order; close the generator to stop (`contextlib.aclosing`).

    The journal, not memory, holds the samples of a problem until it is answered. With your own journal, a batch that
    was stopped or killed resumes where it ended.

    Args:
        problems: as in `solve_batch`.
        generator: as in `solve_batch`.
        verifier: as in `solve_batch`.
        budget: as in `solve_batch`.
        plan: as in `solve_batch`.
        seed: as in `solve_batch`.
        context: as in `solve_batch`.
        concurrency: as in `solve_batch`.
        journal: where samples are stored; None takes a temporary file. Its recorded spend counts against the budget.
        skip: indices of problems to leave out, as an earlier run has answered them.
        on_spend: called with the spent fraction of the budget, in [0, 1], after each step.

    Raises:
        ConfigurationError: as in `solve_batch`.
        InputError: a problem is empty, or the journal holds samples of other problems.

    Example:
        >>> import asyncio
        >>> from its_graph import Budget
        >>> from its_graph.batch import stream_solutions
        >>> from its_graph.testing import ToyGenerator, ToyVerifier
        >>> async def solve():
        ...     stream = stream_solutions(
        ...         ["Add 1, 2.", "Add 3, 5, 4."], ToyGenerator(0.0), ToyVerifier(), budget=Budget(calls=8)
        ...     )
        ...     return {result.problem_index: result.answer async for result in stream}
        >>> answers = asyncio.run(solve())
        >>> answers[0], answers[1]
        ('3', '12')
    """
    require_known_parameters(budget, generator.parameters, generator)
    if concurrency < 1:
        raise ConfigurationError(f"concurrency must be >= 1; got {concurrency}.")
    for index, problem in enumerate(problems):
        if not problem.strip():
            raise InputError(f"Problem {index} is empty. Give every problem a question, or leave it out.")
    temporary = JsonLines.temporary()
    try:
        samples = journal or Journal(temporary)
        searches = BatchSearches(generator, verifier, context or SearchContext(), seed)
        pool = BudgetPool(budget, samples.spent)
        scheduler = BatchScheduler(problems, searches, pool, samples, concurrency, on_spend)
        scheduler.open_problems(skip)
        async with aclosing(scheduler.run(plan or beta_greedy_plan())) as results:
            async for result in results:
                yield result
    finally:
        temporary.close()
