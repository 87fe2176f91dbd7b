"""What one budget for many problems brings, and what dividing it takes: `python tests/benchmarks/bench_allocation.py`.

1. Dividing a budget over 100,000 problems: time of the plan, over that of the same greedy rule with a Python heap.
2. Accuracy on fresh problems of the embedded models, at a mean budget of 4 and of 8 samples' tokens, verifier included.
   Every plan is really run under its budget; a sample and a verdict are computed once and looked up afterwards, with
   what they cost. Weights of 1, 4, 16 and 64 by true difficulty, and the greedy rule with known chances (oracle p),
   know what nobody knows: the share of right ones among 16 samples of each problem. They get exactly their counts.
   Intervals are Wilson's; differences to uniform are paired. Figures are printed as they fall; nothing is asserted.
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
"""Samples from which the true chance of a problem is read."""


class Remembered(Runnable[_Request, _Reply], Generic[_Request, _Reply]):
    """A model that computes nothing twice."""

    def __init__(self, model: Runnable[_Request, _Reply]) -> None:
        self.model: Any = model
        self.known: dict[str, Any] = {}

    async def abatch_as_completed(
        self, inputs: Sequence[Any], config: Any = None, *, return_exceptions: bool = False, **kwargs: Any
    ) -> AsyncIterator[tuple[int, Any]]:
        keys = [one.model_dump_json() for one in inputs]
        missing = [place for place, key in enumerate(keys) if key not in self.known]
        asked = [inputs[place] for place in missing]
        async for place, reply in self.model.abatch_as_completed(asked, return_exceptions=return_exceptions):
            self.known[keys[missing[place]]] = reply
        for place, key in enumerate(keys):
            yield place, self.known[key]


class RememberedGenerator(Remembered[SampleRequest, list[Sample]], Generator):
    def invoke(self, input: SampleRequest, config: RunnableConfig | None = None, **kwargs: Any) -> list[Sample]:
        return list(self.model.invoke(input))

    def prompt_tokens(self, request: SampleRequest) -> int:
        return int(self.model.prompt_tokens(request))


class RememberedVerifier(Remembered[Candidate, Verdict], Verifier):
    def invoke(self, input: Candidate, config: RunnableConfig | None = None, **kwargs: Any) -> Verdict:
        return Verdict.model_validate(self.model.invoke(input))

    def tokens(self, candidate: Candidate) -> int:
        return int(self.model.tokens(candidate))


def remembered(generator: Generator, verifier: Verifier) -> tuple[Generator, Verifier]:
    """Return the models with a memory; what they say of themselves is taken over."""
    pair = RememberedGenerator(generator), RememberedVerifier(verifier)
    for one in pair:
        for name in ("parameters", "max_tokens", "temperature", "score_range", "step_separator"):
            if hasattr(one.model, name):
                setattr(one, name, getattr(one.model, name))
    return pair


# --- 1: dividing --------------------------------------------------------------------------------------------------


def by_heap(view: BatchView, most: int) -> list[int]:
    """Return what `beta_greedy_plan` gives out, one sample after the other."""
    rows = list(view.open.items())
    counts, left = [0] * len(rows), view.remaining

    def worth(place: int) -> float:
        number, one = rows[place]
        a, b, n = one.correct + 0.5, one.incorrect + 0.5, counts[place]
        miss = 1.0
        for j in range(n):
            miss *= (b + j) / (a + b + j)
        return one.unsolved * miss * a / (a + b + n) / view.costs[number]

    heap = [(-worth(place), place) for place in range(len(rows))]
    heapq.heapify(heap)
    while heap:
        _, place = heapq.heappop(heap)
        if view.costs[rows[place][0]] > left:
            break
        left -= view.costs[rows[place][0]]
        counts[place] += 1
        if counts[place] < most:
            heapq.heappush(heap, (-worth(place), place))
    return counts


def dividing(count: int) -> None:
    chance = Random(1)
    standings = {}
    for number in range(count):
        p = chance.betavariate(0.6, 0.6)
        right = sum(chance.random() < p for _ in range(2))
        standings[number] = ProblemStats(2, right, 2 - right, 0.1**right, None)
    view = BatchView(standings, {number: chance.uniform(100, 300) for number in range(count)}, 200.0 * 6 * count)
    began = time.process_time()
    moves = beta_greedy_plan()(view)
    took = time.process_time() - began
    began = time.process_time()
    counts = by_heap(view, 62)
    heap_took = time.process_time() - began
    given = sum((move.samples - 1) for move in moves)
    print(f"{count:,} problems, {sum(counts):,} samples divided, the first half of them ({given:,}) given out:")
    print(f"{took:.2f} s of one processor, with a Python heap {heap_took:.2f} s: {heap_took / took:.1f} times as long")


# --- 2: what it brings --------------------------------------------------------------------------------------------


class Bench(NamedTuple):
    """The problems, and how to run a plan over them."""

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

    def right(self, report: BatchReport) -> list[float]:
        return [
            float(equivalent(one.answer, expected))
            for one, (_, expected) in zip(report.results, self.problems, strict=True)
        ]


def fixed(counts: Sequence[int]) -> AllocationPlan:
    """Give each problem its count."""
    return lambda view: [Allocation(number, counts[number], "allocation") for number in view.open]


def true_chances(bench: Bench) -> list[float]:
    report = bench.run(fixed([POOL] * len(bench.problems)))
    chances = []
    for one, (_, expected) in zip(report.results, bench.problems, strict=True):
        candidates = one.result["candidates"]
        chances.append(sum(equivalent(each["answer"], expected) for each in candidates) / POOL)
    return chances


def compare(bench: Bench, mean: int, chances: list[float], cost: float, further: dict[str, AllocationPlan]) -> None:
    count = len(bench.problems)
    tokens = mean * cost * count
    weights = [HARDEST_FIRST_WEIGHTS[min(3, int(4 * (1 - p)))] for p in chances]
    floors = [int(mean * count * weight / sum(weights)) for weight in weights]
    oracle = greedy(coverage_curves(chances, 64), mean * count).tolist()
    base: list[float] = []

    def row(name: str, report: BatchReport, drawn: Callable[[int], bool] = lambda number: True) -> None:
        right = [value * drawn(number) for number, value in enumerate(bench.correct(report))]
        spent = sum(one.spend.tokens for one in report.results if drawn(one.index))
        low, high = wilson(int(sum(right)), count)
        base[:] = base or right
        gain = paired_difference(right, base)
        print(
            f"{name:<34} {100 * sum(right) / count:5.1f} % [{100 * low:.1f}, {100 * high:.1f}]  "
            f"{100 * gain.mean:+5.1f} [{100 * gain.ci95.low:+.1f}, {100 * gain.ci95.high:+.1f}]  {spent:9,} tokens",
            flush=True,
        )

    print(f"\nmean budget {mean} samples: {tokens:,.0f} tokens for {count} problems; difference to uniform behind it")
    row("uniform", bench.run(uniform_plan(), tokens))
    row("seed weights, first sample", bench.run(hardest_first_plan(), tokens))
    row("seed weights, true difficulty", bench.run(fixed(floors)), lambda number: floors[number] > 0)
    row("  the same, at least 1 each", bench.run(fixed([max(1, one) for one in floors])))
    for name, plan in further.items():
        row(name, bench.run(plan, tokens))
    row("greedy, oracle p", bench.run(fixed([max(1, one) for one in oracle])))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--problems", type=int, default=300)
    parser.add_argument("--seed", type=int, default=2026)
    parser.add_argument("--policy", type=Path, help="a fitted policy, whose menu is tried as well")
    given = parser.parse_args()
    dividing(100_000)

    began = time.process_time()
    generator, verifier = remembered(*load())
    fresh = [(one[0], one[1]) for one in problems(given.problems, seed=given.seed, split="test")]
    bench = Bench(fresh, generator, verifier)
    chances = true_chances(bench)
    cost = bench.run(fixed([1] * len(fresh))).spend.tokens / len(fresh)
    print(
        f"\n{len(fresh)} embedded problems, a sample right with chance {sum(chances) / len(chances):.2f}, "
        f"never in {sum(p == 0 for p in chances)} problems, always in {sum(p == 1 for p in chances)}"
    )
    plans: dict[str, AllocationPlan] = {"beta_greedy": beta_greedy_plan(), "adaptive": adaptive_plan()}
    if given.policy:
        plans["policy"] = policy_plan(Policy.load(given.policy), verifier)
    for mean in (4, 8):
        compare(bench, mean, chances, cost, plans)
    print(f"\n{time.process_time() - began:.0f} s of one processor in all")


if __name__ == "__main__":
    main()
