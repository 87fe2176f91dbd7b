"""Measure many strategy configs over the same problems, drawing each sample once.

The run goes problem by problem, so that a run that is stopped midway leaves configs that can be compared on the same
problems. The searches of a problem run one after the other, the widest first, and share their samples
(`its_graph.evaluation.runs.sample_cache`).
"""

from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from its_graph.catalog.strategy_config import StrategyConfig
from its_graph.context import SearchContext
from its_graph.contracts import Generator, Verifier
from its_graph.errors import InputError
from its_graph.evaluation.data.problem import AnyProblem, Problem, to_problem
from its_graph.evaluation.outcome import Outcome
from its_graph.evaluation.runs.run_search import SEARCH_FAILURES, run_search
from its_graph.evaluation.runs.sample_cache import CachedGenerator, CachedVerifier
from its_graph.evaluation.runs.workers import require_concurrency, run_workers
from its_graph.seeds import derive_seed

__all__ = ["GridCell", "measure", "measure_cells"]

OutcomesByIndex = Mapping[int, Outcome]


class GridCell(NamedTuple):
    """What is measured: a strategy config under a context (budget, temperature) whose seed is set per problem.

    Args:
        config: strategy and options.
        context: settings of its searches.

    Example:
        >>> from its_graph import Budget, SearchContext
        >>> from its_graph.catalog.strategy_config import StrategyConfig
        >>> from its_graph.evaluation import GridCell
        >>> config = StrategyConfig(strategy="best_of_n", options={"n": 8})
        >>> GridCell(config, SearchContext(budget=Budget(tokens=500))).label
        'best_of_n n=8, at most 500 tokens'
    """

    config: StrategyConfig
    context: SearchContext = SearchContext()

    @property
    def label(self) -> str:
        """Display name: `best_of_n n=8, at most 500 tokens`."""
        tokens = self.context.budget.tokens
        return self.config.label + ("" if tokens is None else f", at most {tokens:,} tokens")

    @property
    def n(self) -> int:
        """Number of samples, 1 if the config has no `n`."""
        return int(self.config.options.get("n", 1))


async def measure(
    configs: Sequence[StrategyConfig],
    generator: Generator,
    verifier: Verifier | None,
    problems: Iterable[AnyProblem],
    *,
    seed: int = 0,
    context: SearchContext | None = None,
    concurrency: int = 8,
    on_result: Callable[[StrategyConfig, Outcome], None] = lambda config, outcome: None,
    completed: Mapping[StrategyConfig, OutcomesByIndex] = MappingProxyType({}),
    reuse: bool = True,
) -> dict[StrategyConfig, list[Outcome]]:
    """Search every problem with every strategy config, under one context; `measure_cells` takes one per config.

    Args:
        configs: what to measure.
        generator: as in `measure_cells`.
        verifier: as in `measure_cells`.
        problems: as in `measure_cells`.
        seed: as in `measure_cells`.
        context: settings of every search except the seed.
        concurrency: as in `measure_cells`.
        on_result: called with the config and each outcome as its search completes, in any order.
        completed: outcomes of an earlier run by config and problem index; these searches are not run again.
        reuse: as in `measure_cells`.

    Returns:
        The outcomes of each config in the order of the problems.

    Raises:
        ConfigurationError: as in `measure_cells`.

    Example:
        >>> import asyncio
        >>> from its_graph.catalog.strategy_config import StrategyConfig
        >>> from its_graph.evaluation import measure
        >>> from its_graph.testing import ToyGenerator
        >>> configs = [StrategyConfig(strategy="self_consistency", options={"n": n}) for n in (2, 8)]
        >>> generator = ToyGenerator(0.3)
        >>> measured = asyncio.run(measure(configs, generator, None, [("Add 3, 5, 4.", "12")]))
        >>> [len(outcomes[0].samples) for outcomes in measured.values()], len(generator.requests)
        ([2, 8], 8)
    """
    cells = {GridCell(config, context or SearchContext()): config for config in configs}
    measured = await measure_cells(
        list(cells),
        generator,
        verifier,
        problems,
        seed=seed,
        concurrency=concurrency,
        on_result=lambda cell, outcome: on_result(cell.config, outcome),
        completed={cell: completed.get(config, {}) for cell, config in cells.items()},
        reuse=reuse,
    )
    return {cell.config: outcomes for cell, outcomes in measured.items()}


async def measure_cells(
    cells: Sequence[GridCell],
    generator: Generator,
    verifier: Verifier | None,
    problems: Iterable[AnyProblem],
    *,
    seed: int = 0,
    concurrency: int = 8,
    on_result: Callable[[GridCell, Outcome], None] = lambda cell, outcome: None,
    completed: Mapping[GridCell, OutcomesByIndex] = MappingProxyType({}),
    reuse: bool = True,
) -> dict[GridCell, list[Outcome]]:
    """Search every problem with every cell and compare the answers with the known ones.

    Args:
        cells: what to measure.
        generator: where samples come from.
        verifier: scores the samples; None if no config needs one.
        problems: `Problem` records or (problem, correct answer) pairs.
        seed: seed of the evaluation; all searches of a problem use the seed derived from it and the problem's index.
        concurrency: problems that run at the same time, at least 1; a backend that batches merges their calls.
        on_result: called with the cell and each outcome as its search completes, in any order. Only here do samples
            have their texts.
        completed: outcomes of an earlier run by cell and problem index; these searches are not run again.
        reuse: whether the searches of a problem share their samples. Without it, only wall times differ.

    Returns:
        The outcomes of each cell in the order of the problems. A search that fails, or that cannot use its question,
        has an outcome too, which is incorrect.

    Raises:
        ConfigurationError: `concurrency` is below 1, or a config is impossible with these models.

    Example:
        >>> import asyncio
        >>> from its_graph import Budget, SearchContext
        >>> from its_graph.catalog.strategy_config import StrategyConfig
        >>> from its_graph.evaluation import GridCell, measure_cells
        >>> from its_graph.testing import ToyGenerator
        >>> config = StrategyConfig(strategy="self_consistency", options={"n": 8})
        >>> cells = [GridCell(config, SearchContext(budget=Budget(calls=calls))) for calls in (3, 8)]
        >>> measured = asyncio.run(measure_cells(cells, ToyGenerator(0.3), None, [("Add 3, 5, 4.", "12")]))
        >>> [measured[cell][0].spend.calls for cell in cells]
        [3, 8]
    """
    require_concurrency(concurrency)
    outcomes = {cell: dict(completed.get(cell, {})) for cell in cells}
    waiting = enumerate(map(to_problem, problems))

    async def work(worker: _GridWorker) -> None:
        for index, problem in waiting:
            missing = [cell for cell in worker.cells if index not in outcomes[cell]]
            async for cell, outcome in worker.search(missing, index, problem, derive_seed(seed, str(index))):
                on_result(cell, outcome)
                outcomes[cell][index] = outcome.without_texts()

    workers = [_GridWorker(cells, generator, verifier, reuse) for _ in range(concurrency)]
    await run_workers(work(worker) for worker in workers)
    return {cell: [by_index[index] for index in sorted(by_index)] for cell, by_index in outcomes.items()}


class _GridWorker:
    """Searches one problem at a time with all cells, on graphs whose models cache the replies for that problem."""

    def __init__(self, cells: Sequence[GridCell], generator: Generator, verifier: Verifier | None, reuse: bool) -> None:
        self.cells = sorted(cells, key=lambda cell: -cell.n)  # the widest draws in one batch what the others reuse
        self._generator = CachedGenerator(generator)
        self._verifier = None if verifier is None else CachedVerifier(verifier)
        self._reuse = reuse
        configs = dict.fromkeys(cell.config for cell in cells)
        self._graphs = {config: config.create(self._generator, self._verifier).compile() for config in configs}

    async def search(
        self, cells: Sequence[GridCell], index: int, problem: Problem, seed: int
    ) -> AsyncIterator[tuple[GridCell, Outcome]]:
        """Search one problem with each of `cells`."""
        self._clear_caches()
        for cell in cells:
            hits_before = self._cache_hits
            context = cell.context.model_copy(update={"seed": seed})
            graph = self._graphs[cell.config]
            outcome = await run_search(graph, index, problem, context, (*SEARCH_FAILURES, InputError))
            yield cell, outcome.model_copy(update={"reused": self._cache_hits - hits_before})
            if not self._reuse:
                self._clear_caches()

    @property
    def _cache_hits(self) -> int:
        return self._generator.hits + (self._verifier.hits if self._verifier else 0)

    def _clear_caches(self) -> None:
        self._generator.clear()
        if self._verifier:
            self._verifier.clear()
