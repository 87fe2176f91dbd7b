"""The benefit of one budget for many problems, and the cost of dividing it.

Run with `python tests/benchmarks/bench_allocation.py`.

1. Dividing a budget over 100,000 problems: time of the plan, compared with the same greedy rule on a Python heap.
2. Accuracy on fresh problems of the embedded models, at a mean budget of 4 and of 8 samples' tokens, verifier included.
   Every plan really runs under its budget; each sample and verdict is computed once and then looked up with its cost.
   Weights of 1, 4, 16 and 64 by true difficulty, and the greedy rule with known probabilities (oracle p), use what is
   unknown in practice: the share of correct ones among 16 samples of each problem. They get exactly their counts.
   Intervals are Wilson's; differences to uniform are paired. Figures are printed as measured; nothing is asserted.
"""

import argparse
import asyncio
import heapq
import time
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from random import Random
from typing import Any, Generic, NamedTuple, TypeVar

from langchain_core.runnables import Runnable, RunnableConfig

from its_graph.allocation.baselines import HARDEST_FIRST_WEIGHTS
from its_graph.allocation.curves import coverage_curves
from its_graph.allocation.solvers import greedy
from its_graph.batch import (
    Allocation,
    AllocationPlan,
    BatchReport,
    BatchView,
    ProblemStats,
    adaptive_plan,
    beta_greedy_plan,
    hardest_first_plan,
    policy_plan,
    solve_batch,
    uniform_plan,
)
from its_graph.budget import Budget
from its_graph.contracts import Candidate, Generator, Sample, SampleRequest, Verdict, Verifier
from its_graph.embedded import load, problems
from its_graph.routing.policy import Policy
from its_graph.statistics import paired_difference, wilson
from its_graph.text.equivalence import equivalent

_Request = TypeVar("_Request")
_Reply = TypeVar("_Reply")
POOL = 16
"""Samples that measure the true success probability of a problem."""


class Memoized(Runnable[_Request, _Reply], Generic[_Request, _Reply]):
    """A model that computes every reply once."""

    def __init__(self, model: Runnable[_Request, _Reply]) -> None:
        self.model: Any = model
        self.replies: dict[str, Any] = {}

    async def abatch_as_completed(
        self, inputs: Sequence[Any], config: Any = None, *, return_exceptions: bool = False, **kwargs: Any
    ) -> AsyncIterator[tuple[int, Any]]:
        keys = [request.model_dump_json() for request in inputs]
        missing = [index for index, key in enumerate(keys) if key not in self.replies]
        requests = [inputs[index] for index in missing]
        async for position, reply in self.model.abatch_as_completed(requests, return_exceptions=return_exceptions):
            self.replies[keys[missing[position]]] = reply
        for index, key in enumerate(keys):
            yield index, self.replies[key]


class MemoizedGenerator(Memoized[SampleRequest, list[Sample]], Generator):
    def invoke(self, input: SampleRequest, config: RunnableConfig | None = None, **kwargs: Any) -> list[Sample]:
        return list(self.model.invoke(input))

    def prompt_tokens(self, request: SampleRequest) -> int:
        return int(self.model.prompt_tokens(request))


class MemoizedVerifier(Memoized[Candidate, Verdict], Verifier):
    def invoke(self, input: Candidate, config: RunnableConfig | None = None, **kwargs: Any) -> Verdict:
        return Verdict.model_validate(self.model.invoke(input))

    def tokens(self, candidate: Candidate) -> int:
        return int(self.model.tokens(candidate))


def memoized(generator: Generator, verifier: Verifier) -> tuple[Generator, Verifier]:
    """Return memoized models with the same attributes."""
    pair = MemoizedGenerator(generator), MemoizedVerifier(verifier)
    for memo in pair:
        for name in ("parameters", "max_tokens", "temperature", "score_range", "step_separator"):
            if hasattr(memo.model, name):
                setattr(memo, name, getattr(memo.model, name))
    return pair


# --- 1: division --------------------------------------------------------------------------------------------------


def heap_greedy(view: BatchView, max_samples: int) -> list[int]:
    """Return the division of `beta_greedy_plan`, computed one sample at a time."""
    rows = list(view.open.items())
    counts, remaining = [0] * len(rows), view.remaining

    def worth(index: int) -> float:
        problem, stats = rows[index]
        a, b, n = stats.correct + 0.5, stats.incorrect + 0.5, counts[index]
        miss = 1.0
        for j in range(n):
            miss *= (b + j) / (a + b + j)
        return stats.unsolved * miss * a / (a + b + n) / view.costs[problem]

    heap = [(-worth(index), index) for index in range(len(rows))]
    heapq.heapify(heap)
    while heap:
        _, index = heapq.heappop(heap)
        if view.costs[rows[index][0]] > remaining:
            break
        remaining -= view.costs[rows[index][0]]
        counts[index] += 1
        if counts[index] < max_samples:
            heapq.heappush(heap, (-worth(index), index))
    return counts


def bench_division(count: int) -> None:
    rng = Random(1)
    stats = {}
    for index in range(count):
        p = rng.betavariate(0.6, 0.6)
        correct = sum(rng.random() < p for _ in range(2))
        stats[index] = ProblemStats(2, correct, 2 - correct, 0.1**correct, None)
    view = BatchView(stats, {index: rng.uniform(100, 300) for index in range(count)}, 200.0 * 6 * count)
    started = time.process_time()
    allocations = beta_greedy_plan()(view)
    plan_seconds = time.process_time() - started
    started = time.process_time()
    counts = heap_greedy(view, 62)
    heap_seconds = time.process_time() - started
    allocated = sum((allocation.samples - 1) for allocation in allocations)
    print(f"{count:,} problems, {sum(counts):,} samples divided, the first half of them ({allocated:,}) allocated:")
    factor = heap_seconds / plan_seconds
    print(f"{plan_seconds:.2f} s CPU; with a Python heap {heap_seconds:.2f} s, {factor:.1f} times as long")


# --- 2: accuracy --------------------------------------------------------------------------------------------------


class Bench(NamedTuple):
    """The problems and models of a run."""

    problems: list[tuple[str, str]]
    generator: Generator
    verifier: Verifier

    def run(self, plan: AllocationPlan, tokens: float | None = None) -> BatchReport:
        return asyncio.run(
            solve_batch(
                [problem for problem, _ in self.problems],
                self.generator,
                self.verifier,
                budget=Budget(calls=10**9) if tokens is None else Budget(tokens=int(tokens)),
                plan=plan,
                concurrency=32,
            )
        )

    def correct(self, report: BatchReport) -> list[float]:
        return [
            float(equivalent(result.answer, expected))
            for result, (_, expected) in zip(report.results, self.problems, strict=True)
        ]


def fixed(counts: Sequence[int]) -> AllocationPlan:
    """Give each problem its count."""
    return lambda view: [Allocation(index, counts[index], "allocation") for index in view.open]


def true_probabilities(bench: Bench) -> list[float]:
    report = bench.run(fixed([POOL] * len(bench.problems)))
    probabilities = []
    for result, (_, expected) in zip(report.results, bench.problems, strict=True):
        candidates = result.result["candidates"]
        probabilities.append(sum(equivalent(candidate["answer"], expected) for candidate in candidates) / POOL)
    return probabilities


def compare(
    bench: Bench, mean: int, probabilities: list[float], cost: float, other_plans: dict[str, AllocationPlan]
) -> None:
    count = len(bench.problems)
    tokens = mean * cost * count
    weights = [HARDEST_FIRST_WEIGHTS[min(3, int(4 * (1 - p)))] for p in probabilities]
    floors = [int(mean * count * weight / sum(weights)) for weight in weights]
    oracle = greedy(coverage_curves(probabilities, 64), mean * count).tolist()
    base: list[float] = []

    def row(name: str, report: BatchReport, drawn: Callable[[int], bool] = lambda index: True) -> None:
        correct = [value * drawn(index) for index, value in enumerate(bench.correct(report))]
        spent = sum(result.spend.tokens for result in report.results if drawn(result.problem_index))
        low, high = wilson(int(sum(correct)), count)
        base[:] = base or correct
        gain = paired_difference(correct, base)
        print(
            f"{name:<34} {100 * sum(correct) / count:5.1f} % [{100 * low:.1f}, {100 * high:.1f}]  "
            f"{100 * gain.mean:+5.1f} [{100 * gain.ci95.low:+.1f}, {100 * gain.ci95.high:+.1f}]  {spent:9,} tokens",
            flush=True,
        )

    print(f"\nmean budget {mean} samples: {tokens:,.0f} tokens for {count} problems; with the difference to uniform")
    row("uniform", bench.run(uniform_plan(), tokens))
    row("hardest first, first sample", bench.run(hardest_first_plan(), tokens))
    row("hardest first, true difficulty", bench.run(fixed(floors)), lambda index: floors[index] > 0)
    row("  the same, at least 1 each", bench.run(fixed([max(1, floor) for floor in floors])))
    for name, plan in other_plans.items():
        row(name, bench.run(plan, tokens))
    row("greedy, oracle p", bench.run(fixed([max(1, samples) for samples in oracle])))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--problems", type=int, default=300)
    parser.add_argument("--seed", type=int, default=2026)
    parser.add_argument("--policy", type=Path, help="a fitted policy, which is measured as well")
    args = parser.parse_args()
    bench_division(100_000)

    started = time.process_time()
    generator, verifier = memoized(*load())
    fresh = [(problem, answer) for problem, answer in problems(args.problems, seed=args.seed, split="test")]
    bench = Bench(fresh, generator, verifier)
    probabilities = true_probabilities(bench)
    cost = bench.run(fixed([1] * len(fresh))).spend.tokens / len(fresh)
    mean = sum(probabilities) / len(probabilities)
    print(
        f"\n{len(fresh)} embedded problems; a sample is correct with probability {mean:.2f}, "
        f"never in {sum(p == 0 for p in probabilities)} problems, always in {sum(p == 1 for p in probabilities)}"
    )
    plans: dict[str, AllocationPlan] = {"beta_greedy": beta_greedy_plan(), "adaptive": adaptive_plan()}
    if args.policy:
        plans["policy"] = policy_plan(Policy.load(args.policy), verifier)
    for mean in (4, 8):
        compare(bench, mean, probabilities, cost, plans)
    print(f"\n{time.process_time() - started:.0f} s CPU in total")


if __name__ == "__main__":
    main()
