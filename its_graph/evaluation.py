"""How good a strategy is: run it over problems with known answers, and sum up what came out and what it cost.

Each problem is searched with its own seed, derived from the seed of the evaluation and the problem's number: a result
does not depend on which other problems are run, on their order, or on how many run at the same time.
"""

import asyncio
import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

from langchain_core.runnables import Runnable
from pydantic import BaseModel, ConfigDict

from its_graph.budget import NOTHING, Spend, total
from its_graph.context import SearchContext
from its_graph.equivalence import equivalent
from its_graph.errors import ConfigurationError, SearchFailedError
from its_graph.seeds import derive_seed
from its_graph.statistics import Difference, Interval, paired_difference, pass_at_k, wilson

__all__ = ["Outcome", "Row", "compare", "evaluate", "summarise"]


class Outcome(BaseModel):
    """What a search made of one problem."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    index: int
    """The problem's number, from 0."""
    problem: str
    expected: str
    answer: str | None
    right: bool
    candidates: int
    """Candidates that could have been the answer, cut off and unfinished ones included."""
    right_candidates: int
    finished: int
    """The candidates that are complete solutions."""
    right_finished: int
    spend: Spend
    seconds: float
    """Wall time of the search, with whatever else ran beside it."""
    seed: int
    error: str | None = None
    """Why the search failed; its answer then counts as wrong."""


class Row(NamedTuple):
    """A strategy's line in a table. Means are per problem."""

    problems: int
    accuracy: float
    ci95: Interval
    """Wilson interval of the accuracy."""
    failed: int
    """Searches without any candidate; each counts as wrong."""
    pass_at_n: float | None
    """Oracle: share of problems with a right candidate. None where a search has only one candidate."""
    random: float | None
    """Expected accuracy of a random finished candidate. None where a search has only one candidate."""
    mean_prompt_tokens: float
    mean_generated_tokens: float
    mean_verifier_tokens: float
    mean_calls: float
    mean_flops: float
    seconds: float
    """Mean wall time of a search, with whatever else ran beside it."""


async def evaluate(
    graph: Runnable[Any, Any],
    problems: Iterable[tuple[str, str]],
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
    if concurrency < 1:
        raise ConfigurationError(f"An evaluation needs a concurrency of at least 1. Given: {concurrency}.")
    outcomes = dict(known)
    waiting = (task for task in enumerate(problems) if task[0] not in known)

    async def worker() -> None:
        for index, (problem, expected) in waiting:
            settings = (context or SearchContext()).model_copy(update={"seed": derive_seed(seed, str(index))})
            outcomes[index] = await _search(graph, index, problem, expected, settings)
            on_result(outcomes[index])

    workers = [asyncio.create_task(worker()) for _ in range(concurrency)]
    try:
        await asyncio.gather(*workers)
    finally:
        for one in workers:
            one.cancel()
        await asyncio.gather(*workers, return_exceptions=True)
    return [outcomes[index] for index in sorted(outcomes)]


def summarise(outcomes: Sequence[Outcome]) -> Row:
    """Sum up the outcomes of one strategy.

    Raises:
        ConfigurationError: if there are none.
    """
    if not outcomes:
        raise ConfigurationError("There are no outcomes to sum up: run at least one problem.")
    count, right = len(outcomes), sum(one.right for one in outcomes)
    spent = total(one.spend for one in outcomes)
    many = any(one.candidates > 1 for one in outcomes)
    return Row(
        problems=count,
        accuracy=right / count,
        ci95=wilson(right, count),
        failed=sum(one.error is not None for one in outcomes),
        pass_at_n=_mean(_oracle(one) for one in outcomes) if many else None,
        random=_mean(_random_choice(one) for one in outcomes) if many else None,
        mean_prompt_tokens=spent.prompt_tokens / count,
        mean_generated_tokens=spent.generated_tokens / count,
        mean_verifier_tokens=spent.verifier_tokens / count,
        mean_calls=spent.calls / count,
        mean_flops=spent.flops / count,
        seconds=_mean(one.seconds for one in outcomes),
    )


def compare(one: Sequence[Outcome], other: Sequence[Outcome], *, seed: int = 0) -> Difference | None:
    """Return how much more accurate `one` is than `other` on the problems that both have, or None without any."""
    before = {outcome.index: float(outcome.right) for outcome in other}
    pairs = [(float(outcome.right), before[outcome.index]) for outcome in one if outcome.index in before]
    if not pairs:
        return None
    return paired_difference([pair[0] for pair in pairs], [pair[1] for pair in pairs], seed=seed)


async def _search(
    graph: Runnable[Any, Any], index: int, problem: str, expected: str, settings: SearchContext
) -> Outcome:
    """Search one problem; what a failed search has spent is known from its events."""
    began = time.perf_counter()
    result: Mapping[str, Any] = {"answer": None, "candidates": ()}
    spent, error = NOTHING, None
    try:
        async for mode, chunk in graph.astream(
            {"problem": problem}, context=settings, stream_mode=["custom", "values"]
        ):
            if mode == "custom" and chunk.get("type") == "its.budget":
                spent = spent.plus(_spend(chunk["charge"]))
            elif mode == "values" and chunk.get("result"):
                result, spent = chunk["result"], _spend(chunk["result"]["spend"])
    except SearchFailedError as failure:
        error = str(failure)
    seconds = time.perf_counter() - began
    # math-verify may take seconds to compare two answers, and the other searches go on meanwhile.
    verdicts = await asyncio.to_thread(_judge, result, expected)
    return Outcome(
        index=index,
        problem=problem,
        expected=expected,
        spend=spent,
        seconds=seconds,
        seed=settings.seed or 0,
        error=error,
        **verdicts,
    )


def _judge(result: Mapping[str, Any], expected: str) -> dict[str, Any]:
    """Compare the answer and every candidate with what was expected, each distinct answer once."""
    candidates = result["candidates"]
    answers = {result["answer"], *(one["answer"] for one in candidates)}
    right = {answer for answer in answers if equivalent(answer, expected)}
    return {
        "answer": result["answer"],
        "right": result["answer"] in right,
        "candidates": len(candidates),
        "right_candidates": sum(one["answer"] in right for one in candidates),
        "finished": sum(one["finished"] for one in candidates),
        "right_finished": sum(one["finished"] and one["answer"] in right for one in candidates),
    }


def _spend(record: Mapping[str, Any]) -> Spend:
    return Spend._make(record[field] for field in Spend._fields)


def _oracle(one: Outcome) -> float:
    return pass_at_k(one.candidates, one.right_candidates, one.candidates) if one.candidates else 0.0


def _random_choice(one: Outcome) -> float:
    return pass_at_k(one.finished, one.right_finished, 1) if one.finished else 0.0


def _mean(values: Iterator[float]) -> float:
    numbers = list(values)
    return math.fsum(numbers) / len(numbers)
