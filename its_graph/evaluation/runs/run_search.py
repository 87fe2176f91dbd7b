"""Run one search on one problem, grade its answers, and record its cost.

Candidates and charges are read from the events of the search, which rebuild its tree. So the cost of a failed search
counts too.
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
from its_graph.search.tree import Tree

__all__ = ["SEARCH_FAILURES", "run_search"]

SEARCH_FAILURES: tuple[type[ItsGraphError], ...] = (SearchFailedError,)
"""Errors that make a search a failed one with an outcome; all others propagate to the caller."""


class _CompletedSearch(NamedTuple):
    tree: Tree
    result: Mapping[str, Any]
    """Empty if the search failed."""
    error: ItsGraphError | None


async def run_search(
    graph: Runnable[Any, Any],
    index: int,
    problem: Problem,
    context: SearchContext,
    failures: tuple[type[ItsGraphError], ...] = SEARCH_FAILURES,
) -> Outcome:
    """Search one problem.

    Args:
        graph: a compiled search.
        index: index of the problem.
        problem: what to search.
        context: settings of the search, with its seed.
        failures: errors that make it a failed search.
    """
    started = time.perf_counter()
    search = await _run(graph, problem.problem, context, failures)
    seconds = time.perf_counter() - started
    # math-verify may take seconds to compare two answers; meanwhile the other searches continue.
    grading = await asyncio.to_thread(_grade, search, problem)
    return Outcome(
        index=index,
        problem=problem.problem,
        expected=problem.answer,
        spend=_spend(search),
        verifier_flops=_verifier_flops(search.tree),
        seconds=seconds,
        seed=context.seed or 0,
        error=None if search.error is None else str(search.error),
        refused=isinstance(search.error, InputError),
        failures=len(search.tree.failures),
        **grading._asdict(),
    )


async def _run(
    graph: Runnable[Any, Any], problem: str, context: SearchContext, failures: tuple[type[ItsGraphError], ...]
) -> _CompletedSearch:
    events: list[Mapping[str, Any]] = []
    result: Mapping[str, Any] = {}
    error: ItsGraphError | None = None
    try:
        async for namespace, mode, chunk in graph.astream(
            {"problem": problem}, context=context, stream_mode=["custom", "values"], subgraphs=True
        ):
            if mode == "custom":
                events.append(chunk)
            elif not namespace and chunk.get("result"):
                result = chunk["result"]
    except failures as failure:
        error = failure
    return _CompletedSearch(Tree.of(rebuild(events)), result, error)


def _spend(search: _CompletedSearch) -> Spend:
    """Return the ledger of the result; for a failed search, which has none, that of its events."""
    if not search.result:
        return search.tree.spend
    return Spend._make(search.result["spend"][field] for field in Spend._fields)


def _verifier_flops(tree: Tree) -> float:
    """Return the FLOPs of the nodes that sample nothing: a node calls one model, so theirs is a verifier or a judge."""
    charges = tree.charges.values()
    return sum(charge["flops"] for charge in charges if not charge["prompt_tokens"] and not charge["generated_tokens"])


def _grade(search: _CompletedSearch, problem: Problem) -> Grading:
    """Compare the answer and every candidate with the correct answer, each distinct answer once."""
    if not search.result:
        return Grading()
    tree, answer = search.tree, search.result["answer"]
    candidates = sorted(search.result["candidates"], key=lambda candidate: int(candidate["id"]))
    answers = {answer, *(candidate["answer"] for candidate in candidates)}
    correct = set(filter(problem.is_correct, answers))
    samples = tuple(_sample_record(tree, candidate, candidate["answer"] in correct) for candidate in candidates)
    finished = [sample for sample in samples if sample.finished]
    has_scores = any(sample.score is not None for sample in samples)
    return Grading(
        answer=answer,
        correct=answer in correct,
        candidates=len(samples),
        correct_candidates=sum(sample.correct for sample in samples),
        finished=len(finished),
        correct_finished=sum(sample.correct for sample in finished),
        majority_correct=_chosen_answer(tree, majority(tree)) in correct,
        best_correct=_chosen_answer(tree, argmax(tree)) in correct if has_scores else None,
        samples=samples,
    )


def _chosen_answer(tree: Tree, choice: Choice) -> str | None:
    return None if choice.winner is None else tree.finalists[choice.winner].answer


def _sample_record(tree: Tree, candidate: Mapping[str, Any], correct: bool) -> SampleRecord:
    step_id = candidate["id"]
    step = tree.steps[step_id]
    return SampleRecord(
        id=step_id,
        answer=candidate["answer"],
        score=candidate["score"],
        correct=correct,
        finished=candidate["finished"],
        truncated=candidate["truncated"],
        tokens=tree.tokens(step_id),
        from_question=step["parent"] is None and not step.get("sources") and not tree.open(step_id),
        text=candidate["text"],
    )
