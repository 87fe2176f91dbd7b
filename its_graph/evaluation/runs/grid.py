"""Many settings over the same problems, each sample drawn once.

Problem by problem: whatever stops the run in the middle leaves settings that can be compared on the same problems.
A problem's searches run one after the other, the widest first, and share what they draw (`its_graph.evaluation.runs.sample_cache`).
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

Known = Mapping[int, Outcome]


class GridCell(NamedTuple):
    """What is measured: a setting, under a context (a budget, a temperature) whose seed each problem sets."""

    setting: StrategyConfig
    context: SearchContext = SearchContext()

    @property
    def label(self) -> str:
        """How people read it: `best_of_n n=8, at most 500 tokens`."""
        tokens = self.context.budget.tokens
        return self.config.label + ("" if tokens is None else f", at most {tokens:,} tokens")

    @property
    def n(self) -> int:
        """Its samples, as far as the setting names them."""
        return int(self.config.options.get("n", 1))


async def measure(
    settings: Sequence[StrategyConfig],
    generator: Generator,
    verifier: Verifier | None,
    problems: Iterable[AnyProblem],
    *,
    seed: int = 0,
    context: SearchContext | None = None,
    concurrency: int = 8,
    on_result: Callable[[StrategyConfig, Outcome], None] = lambda setting, outcome: None,
    known: Mapping[StrategyConfig, Known] = MappingProxyType({}),
    reuse: bool = True,
) -> dict[StrategyConfig, list[Outcome]]:
    """Search every problem with every setting; see `measure_cells`, which takes a context for each setting."""
    arms = {GridCell(setting, context or SearchContext()): setting for setting in settings}
    measured = await measure_cells(
        list(arms),
        generator,
        verifier,
        problems,
        seed=seed,
        concurrency=concurrency,
        on_result=lambda arm, outcome: on_result(arm.config, outcome),
        known={arm: known.get(setting, {}) for arm, setting in arms.items()},
        reuse=reuse,
    )
    return {arm.config: outcomes for arm, outcomes in measured.items()}


async def measure_cells(
    arms: Sequence[GridCell],
    generator: Generator,
    verifier: Verifier | None,
    problems: Iterable[AnyProblem],
    *,
    seed: int = 0,
    concurrency: int = 8,
    on_result: Callable[[GridCell, Outcome], None] = lambda arm, outcome: None,
    known: Mapping[GridCell, Known] = MappingProxyType({}),
    reuse: bool = True,
) -> dict[GridCell, list[Outcome]]:
    """Search every problem with every arm, and compare the answers with the known ones.

    Args:
        arms: what to measure.
        generator: where samples come from.
        verifier: who judges them; None where no setting needs one.
        problems: with their right answers.
        seed: of the whole evaluation; a problem's searches all have the seed derived from it and the problem's number.
        concurrency: problems under way at the same time; a backend that batches merges their calls.
        on_result: called as each search ends, in any order; it alone sees the texts of the samples.
        known: outcomes by problem number that need not be found again, as from an earlier run.
        reuse: whether the searches of a problem share their samples. Only wall times are different without.

    Returns:
        The outcomes of each arm in the order of the problems. A search that fails, or that cannot use its question, is
        an outcome too, and a wrong one.

    Raises:
        ConfigurationError: if `concurrency` is not at least 1, or a setting is impossible with these models.
    """
    require_concurrency(concurrency)
    found = {arm: dict(known.get(arm, {})) for arm in arms}
    waiting = enumerate(map(to_problem, problems))

    async def work(desk: _Desk) -> None:
        for index, problem in waiting:
            missing = [arm for arm in desk.arms if index not in found[arm]]
            async for arm, outcome in desk.searches(missing, index, problem, derive_seed(seed, str(index))):
                on_result(arm, outcome)
                found[arm][index] = outcome.without_texts()

    desks = [_Desk(arms, generator, verifier, reuse) for _ in range(concurrency)]
    await run_workers(work(desk) for desk in desks)
    return {arm: [outcomes[index] for index in sorted(outcomes)] for arm, outcomes in found.items()}


class _Desk:
    """Where one worker searches: graphs of its own, over models that remember the problem at hand."""

    def __init__(self, arms: Sequence[GridCell], generator: Generator, verifier: Verifier | None, reuse: bool) -> None:
        self.arms = sorted(arms, key=lambda arm: -arm.n)  # the widest draws in one batch what the others reuse
        self._generator = CachedGenerator(generator)
        self._verifier = None if verifier is None else CachedVerifier(verifier)
        self._reuse = reuse
        settings = dict.fromkeys(arm.config for arm in arms)
        self._graphs = {one: one.create(self._generator, self._verifier).compile() for one in settings}

    async def searches(
        self, arms: Sequence[GridCell], index: int, problem: Problem, seed: int
    ) -> AsyncIterator[tuple[GridCell, Outcome]]:
        """Search one problem with each of `arms`."""
        self._forget()
        for arm in arms:
            before = self._reused
            context = arm.context.model_copy(update={"seed": seed})
            outcome = await run_search(
                self._graphs[arm.config], index, problem, context, (*SEARCH_FAILURES, InputError)
            )
            yield arm, outcome.model_copy(update={"reused": self._reused - before})
            if not self._reuse:
                self._forget()

    @property
    def _reused(self) -> int:
        return self._generator.reused + (self._verifier.reused if self._verifier else 0)

    def _forget(self) -> None:
        self._generator.forget()
        if self._verifier:
            self._verifier.forget()
