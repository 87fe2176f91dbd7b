"""A function, or any runnable, as a verifier: a rule, a check by a tool, a remote judge."""

import asyncio
import inspect
import math
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import Any, TypeAlias

from langchain_core.runnables import Runnable, RunnableConfig
from langchain_core.runnables.config import run_in_executor

from its_graph.contracts import Aggregate, Candidate, ScoreRange, Verdict, Verifier
from its_graph.errors import ConfigurationError
from its_graph.prm.families.aggregation import check_aggregation, last

__all__ = ["FunctionResult", "FunctionVerifier"]

FunctionResult: TypeAlias = float | Sequence[float | None] | Verdict | None
"""What a function may return: the score of the whole, one score per step, or everything; None or NaN is missing."""


class FunctionVerifier(Verifier):
    """Judge candidates by calling a sync or async function, whichever way the verifier itself is called.

    A runnable is called by its own `invoke` and `ainvoke`. A tool becomes a check with a function before it that says
    what it is asked, and one after it that reads its result: `FunctionVerifier(RunnableLambda(ask) | tool | read)`.

    Args:
        func: takes a candidate; see `FunctionResult` for what it may return.
        score_range: range of what it returns; a score outside is an error, not clipped.
        aggregate: turns step scores into the score of the whole.
    """

    def __init__(
        self,
        func: Callable[[Candidate], FunctionResult | Awaitable[FunctionResult]] | Runnable[Candidate, Any],
        *,
        score_range: ScoreRange = "prob",
        aggregate: Aggregate = last,
    ) -> None:
        self.score_range = score_range
        self._func = func.invoke if isinstance(func, Runnable) else func
        self._afunc = func.ainvoke if isinstance(func, Runnable) else None
        self._aggregate = check_aggregation(aggregate, score_range)
        self._on_loop = inspect.iscoroutinefunction(func) or inspect.iscoroutinefunction(
            getattr(func, "__call__", None)  # noqa: B004 - an object with `async def __call__`
        )

    def invoke(self, input: Candidate, config: RunnableConfig | None = None, **kwargs: Any) -> Verdict:
        """Return the verdict; an async function runs to its end on a loop of its own."""
        return self._call_with_config(self._judge, input, config)

    async def ainvoke(self, input: Candidate, config: RunnableConfig | None = None, **kwargs: Any) -> Verdict:
        """Return the verdict; a sync function runs in a thread, so that it does not hold the loop."""
        return await self._acall_with_config(self._ajudge, input, config)

    def tokens(self, candidate: Candidate) -> int:
        """Return 0: no model of ours reads anything."""
        return 0

    def _judge(self, candidate: Candidate) -> Verdict:
        judgment: Any = self._func(candidate)
        if inspect.isawaitable(judgment):
            # A loop may be running in this thread, and a loop cannot be entered twice: wait in another thread.
            with ThreadPoolExecutor(1, thread_name_prefix="function-verifier") as worker:
                judgment = worker.submit(copy_context().run, asyncio.run, _awaited(judgment)).result()
        return self._verdict(candidate, judgment)

    async def _ajudge(self, candidate: Candidate) -> Verdict:
        judgment: Any
        if self._afunc is not None:
            judgment = await self._afunc(candidate)
        elif self._on_loop:
            judgment = self._func(candidate)
        else:
            judgment = await run_in_executor(None, self._func, candidate)
        if inspect.isawaitable(judgment):
            judgment = await judgment
        return self._verdict(candidate, judgment)

    def _verdict(self, candidate: Candidate, judgment: FunctionResult) -> Verdict:
        if isinstance(judgment, Verdict):
            return judgment
        if judgment is None or isinstance(judgment, (int, float)):
            return Verdict(scores=(None,) * len(candidate.steps), value=self._score(judgment))
        scores = tuple(self._score(score) for score in judgment)
        if len(scores) != len(candidate.steps):
            raise ConfigurationError(
                f"The function returned {len(scores)} scores for {len(candidate.steps)} steps; return one per step, "
                "a single number for the whole, or a Verdict."
            )
        present = [score for score in scores if score is not None]
        return Verdict(scores=scores, value=self._aggregate(present) if present else None)

    def _score(self, score: float | None) -> float | None:
        if score is None or math.isnan(score):
            return None
        if self.score_range == "prob" and not 0 <= score <= 1:
            raise ConfigurationError(
                f"The function returned {score}, outside [0, 1]. Rescale it, or pass score_range='real'."
            )
        return float(score)


async def _awaited(judgment: Awaitable[FunctionResult]) -> FunctionResult:
    return await judgment
