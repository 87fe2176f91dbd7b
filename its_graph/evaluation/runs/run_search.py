"""One search over one problem: run it, compare its answers with the right one, keep what it cost.

The candidates and the ledger are read from the events of the search, which rebuild its tree: so a search that failed
is paid for too.
"""

import asyncio
import time
from collections.abc import Mapping
from typing import Any, NamedTuple

from langchain_core.runnables import Runnable

from its_graph.budget import Spend
from its_graph.context import SearchContext
from its_graph.errors import InputError, ItsGraphError, SearchFailedError
from its_graph.evaluation.data.problem import Problem
from its_graph.evaluation.outcome import Grading, Outcome, SampleRecord
from its_graph.nodes.rules.choice import argmax, majority
from its_graph.nodes.rules.types import Choice
from its_graph.search.events import rebuild
from its_graph.search.tree import Finalist, Tree

__all__ = ["SEARCH_FAILURES", "run_search"]

SEARCH_FAILURES: tuple[type[ItsGraphError], ...] = (SearchFailedError,)
"""What makes a search a failed one, which has an outcome; any other error is for the caller."""


class _Ended(NamedTuple):
    tree: Tree
    result: Mapping[str, Any]
    """Empty where the search failed."""
    error: ItsGraphError | None


async def run_search(
    graph: Runnable[Any, Any],
    index: int,
    problem: Problem,
    context: SearchContext,
    failed: tuple[type[ItsGraphError], ...] = SEARCH_FAILURES,
) -> Outcome:
    """Search one problem.

    Args:
        graph: a compiled search.
        index: the problem's number.
        problem: what to search.
        context: settings of the search, with its seed.
        failed: errors that make it a failed search.
    """
    began = time.perf_counter()
    ended = await _run(graph, problem.problem, context, failed)
    seconds = time.perf_counter() - began
    # math-verify may take seconds to compare two answers, and the other searches go on meanwhile.
    verdicts = await asyncio.to_thread(_judge, ended, problem)
    return Outcome(
        index=index,
        problem=problem.problem,
        expected=problem.answer,
        spend=_spend(ended),
        verifier_flops=_verifier_flops(ended.tree),
        seconds=seconds,
        seed=context.seed or 0,
        error=None if ended.error is None else str(ended.error),
        refused=isinstance(ended.error, InputError),
        failures=len(ended.tree.failures),
        **verdicts._asdict(),
    )


async def _run(
    graph: Runnable[Any, Any], problem: str, context: SearchContext, failed: tuple[type[ItsGraphError], ...]
) -> _Ended:
    events: list[Mapping[str, Any]] = []
    result: Mapping[str, Any] = {}
    error: ItsGraphError | None = None
    try:
        async for space, mode, chunk in graph.astream(
            {"problem": problem}, context=context, stream_mode=["custom", "values"], subgraphs=True
        ):
            if mode == "custom":
                events.append(chunk)
            elif not space and chunk.get("result"):
                result = chunk["result"]
    except failed as failure:
        error = failure
    return _Ended(Tree.of(rebuild(events)), result, error)


def _spend(ended: _Ended) -> Spend:
    """Return the ledger of the result; a failed search has none, but its events told what each node used."""
    if not ended.result:
        return ended.tree.spend
    return Spend._make(ended.result["spend"][field] for field in Spend._fields)


def _verifier_flops(tree: Tree) -> float:
    """Return the FLOPs of the nodes that sample nothing: a node asks one model, so theirs is a verifier or a judge."""
    charges = tree.charges.values()
    return sum(one["flops"] for one in charges if not one["prompt_tokens"] and not one["generated_tokens"])


def _judge(ended: _Ended, problem: Problem) -> Grading:
    """Compare the answer and every candidate with what was expected, each distinct answer once."""
    if not ended.result:
        return Grading()
    tree, answer = ended.tree, ended.result["answer"]
    candidates = sorted(ended.result["candidates"], key=lambda one: int(one["id"]))
    right = {one for one in {answer, *(each["answer"] for each in candidates)} if problem.is_correct(one)}
    samples = tuple(_drawn(tree, one, one["answer"] in right) for one in candidates)
    finished = [one for one in samples if one.finished]
    return Grading(
        answer=answer,
        correct=answer in right,
        candidates=len(samples),
        correct_candidates=sum(one.correct for one in samples),
        finished=len(finished),
        correct_finished=sum(one.correct for one in finished),
        majority_correct=_chosen(tree, majority(tree)) in right,
        best_correct=_chosen(tree, argmax(tree)) in right if any(one.score is not None for one in samples) else None,
        samples=samples,
    )


def _chosen(tree: Tree, choice: Choice) -> str | None:
    winner: Finalist | None = None if choice.winner is None else tree.finalists[choice.winner]
    return winner.answer if winner else None


def _drawn(tree: Tree, candidate: Mapping[str, Any], right: bool) -> SampleRecord:
    key = candidate["id"]
    record = tree.steps[key]
    return SampleRecord(
        id=key,
        answer=candidate["answer"],
        score=candidate["score"],
        correct=right,
        finished=candidate["finished"],
        truncated=candidate["truncated"],
        tokens=tree.tokens(key),
        from_question=record["parent"] is None and not record.get("sources") and not tree.open(key),
        text=candidate["text"],
    )
