"""A function, or any runnable, as a verifier: a rule, a tool check, a remote judge."""

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
"""Return values of a function: the score of the whole, one score per step, or a verdict; None or NaN is missing."""


class FunctionVerifier(Verifier):
    """Score candidates with a sync or async function; both kinds work from sync and async code.

    A runnable is called through its `invoke` and `ainvoke`. To use a tool, put a function before it that builds its
    input, and one after it that reads its result: `FunctionVerifier(RunnableLambda(build_input) | tool | read_result)`.

    Args:
        func: takes a candidate and returns a `FunctionResult`.
        score_range: range of the returned scores; a score outside the range is an error and is not clipped.
        aggregate: turns step scores into the score of the whole.

    Raises:
        ConfigurationError: `aggregate` is the product and the scores are unbounded. A call raises it if a score is out
            of range, or if the number of scores differs from the number of steps.

    Example:
        >>> from its_graph import Candidate
        >>> from its_graph.prm import FunctionVerifier
        >>> verifier = FunctionVerifier(lambda candidate: [float("=" in step) for step in candidate.steps])
        >>> question = ({"role": "user", "content": "What is 2 + 3?"},)
        >>> verifier.invoke(Candidate(messages=question, steps=("Add.", "2 + 3 = 5"))).scores
        (0.0, 1.0)
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
        """Return the verdict; an async function runs to its end in a separate event loop."""
        return self._call_with_config(self._call, input, config)

    async def ainvoke(self, input: Candidate, config: RunnableConfig | None = None, **kwargs: Any) -> Verdict:
        """Return the verdict; a sync function runs in a thread, so that it does not block the loop."""
        return await self._acall_with_config(self._acall, input, config)

    def tokens(self, candidate: Candidate) -> int:
        """Return 0: the library runs no model."""
        return 0

    def _call(self, candidate: Candidate) -> Verdict:
        result: Any = self._func(candidate)
        if inspect.isawaitable(result):
            # Wait in another thread, because a loop may be running in this one and loops do not nest.
            with ThreadPoolExecutor(1, thread_name_prefix="function-verifier") as worker:
                result = worker.submit(copy_context().run, asyncio.run, _await(result)).result()
        return self._verdict(candidate, result)

    async def _acall(self, candidate: Candidate) -> Verdict:
        result: Any
        if self._afunc is not None:
            result = await self._afunc(candidate)
        elif self._on_loop:
            result = self._func(candidate)
        else:
            result = await run_in_executor(None, self._func, candidate)
        if inspect.isawaitable(result):
            result = await result
        return self._verdict(candidate, result)

    def _verdict(self, candidate: Candidate, result: FunctionResult) -> Verdict:
        if isinstance(result, Verdict):
            return result
        if result is None or isinstance(result, (int, float)):
            return Verdict(scores=(None,) * len(candidate.steps), value=self._score(result))
        scores = tuple(self._score(score) for score in result)
        if len(scores) != len(candidate.steps):
            raise ConfigurationError(
                f"The function must return one score per step; got {len(scores)} scores for {len(candidate.steps)} "
                "steps. Return one per step, a single number for the whole, or a Verdict."
            )
        present = [score for score in scores if score is not None]
        return Verdict(scores=scores, value=self._aggregate(present) if present else None)

    def _score(self, score: float | None) -> float | None:
        if score is None or math.isnan(score):
            return None
        if self.score_range == "prob" and not 0 <= score <= 1:
            raise ConfigurationError(
                f"The function must return scores in [0, 1]; got {score}. Rescale it, or pass score_range='real'."
            )
        return float(score)


async def _await(result: Awaitable[FunctionResult]) -> FunctionResult:
    return await result
