"""One graph over many problems."""

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
    known: Mapping[int, Outcome] = MappingProxyType({}),
) -> list[Outcome]:
    """Search every problem and compare its answer with the known one.

    Args:
        graph: a compiled search.
        problems: pairs of a problem and its right answer.
        seed: seed of the whole evaluation.
        context: settings of every search, but for the seed.
        concurrency: searches under way at the same time; a backend that batches merges their calls.
        on_result: called as each search ends, in any order.
        known: outcomes by problem number that need not be found again, as from an earlier run.

    Returns:
        The outcomes in the order of the problems. A search that fails is an outcome too, and a wrong one.

    Raises:
        ConfigurationError: if `concurrency` is not at least 1, or for what the graph itself refuses.
    """
    require_concurrency(concurrency)
    outcomes = dict(known)
    waiting = (task for task in enumerate(map(to_problem, problems)) if task[0] not in known)

    async def work() -> None:
        for index, problem in waiting:
            settings = (context or SearchContext()).model_copy(update={"seed": derive_seed(seed, str(index))})
            outcomes[index] = await run_search(graph, index, problem, settings)
            on_result(outcomes[index])

    await run_workers(work() for _ in range(concurrency))
    return [outcomes[index] for index in sorted(outcomes)]
