"""Evaluate one graph over many problems."""

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any

from langchain_core.runnables import Runnable

from its_graph.context import SearchContext
from its_graph.evaluation.data.problem import AnyProblem, to_problem
from its_graph.evaluation.outcome import Outcome
from its_graph.evaluation.runs.run_search import run_search
from its_graph.evaluation.runs.workers import require_concurrency, run_workers
from its_graph.seeds import derive_seed

__all__ = ["evaluate"]


async def evaluate(
    graph: Runnable[Any, Any],
    problems: Iterable[AnyProblem],
    *,
    seed: int = 0,
    context: SearchContext | None = None,
    concurrency: int = 8,
    on_result: Callable[[Outcome], None] = lambda outcome: None,
    completed: Mapping[int, Outcome] = MappingProxyType({}),
) -> list[Outcome]:
    """Search every problem and compare its answer with the known one.

    Args:
        graph: a compiled search.
        problems: `Problem` records or (problem, correct answer) pairs.
        seed: seed of the evaluation; the seed of a problem derives from it and the problem's index.
        context: settings of every search except the seed.
        concurrency: searches that run at the same time, at least 1; a backend that batches merges their calls.
        on_result: called with each outcome as its search completes, in any order.
        completed: outcomes of an earlier run by problem index; these problems are not searched again.

    Returns:
        The outcomes in the order of the problems. A search that fails has an outcome too, which is incorrect.

    Raises:
        ConfigurationError: `concurrency` is below 1, or the graph rejects its configuration.

    Example:
        >>> import asyncio
        >>> from its_graph import create
        >>> from its_graph.evaluation import evaluate
        >>> from its_graph.testing import ToyGenerator, ToyVerifier
        >>> graph = create("best_of_n", ToyGenerator(0.3), ToyVerifier(), n=8).compile()
        >>> outcomes = asyncio.run(evaluate(graph, [("Add 1, 2.", "3"), ("Add 3, 5, 4.", "12")], seed=1))
        >>> [(outcome.answer, outcome.correct) for outcome in outcomes]
        [('3', True), ('12', True)]
    """
    require_concurrency(concurrency)
    outcomes = dict(completed)
    waiting = ((index, to_problem(problem)) for index, problem in enumerate(problems) if index not in completed)

    async def work() -> None:
        for index, problem in waiting:
            settings = (context or SearchContext()).model_copy(update={"seed": derive_seed(seed, str(index))})
            outcomes[index] = await run_search(graph, index, problem, settings)
            on_result(outcomes[index])

    await run_workers(work() for _ in range(concurrency))
    return [outcomes[index] for index in sorted(outcomes)]
