"""Does it pay to judge samples while their siblings are still drawn? `python tests/benchmarks/bench_overlap.py`.

The embedded generator and verifier, best-of-64 over a few problems, wall time, runs in turns: with a verifier that
begins as each sample ends, and with the same one that waits to be asked. Results must be equal; the ratio is printed as
it falls. On one processor there is nothing to win, and on few little: both models want the same cores.
"""

import argparse
import os
import statistics
import time
from typing import Any

import torch

from its_graph import Candidate, SearchContext
from its_graph.embedded import WEIGHTS, load, problems
from its_graph.embedded.models import ArithmeticPRM
from its_graph.graphs.best_of_n import create_best_of_n


class Waiting(ArithmeticPRM):
    """Begins nothing before it is asked."""

    def prefetch(self, candidate: Candidate, /) -> None:
        """Do nothing."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--problems", type=int, default=8)
    parser.add_argument("--n", type=int, default=64)
    options = parser.parse_args()
    torch.set_num_threads(1)
    generator, eager = load()
    verifiers = {"ahead": eager, "waiting": Waiting.from_pretrained(WEIGHTS / "verifier", device="cpu")}
    graphs = {name: create_best_of_n(generator, one, n=options.n).compile() for name, one in verifiers.items()}
    exam = [problem for problem, _ in problems(options.problems + 1, seed=99)]
    taken: dict[str, list[float]] = {name: [] for name in graphs}
    for place, problem in enumerate(exam):
        answers = set()
        for name, graph in graphs.items():
            seconds, answer = _solve(graph, problem)
            answers.add(answer)
            if place:  # the first one warms up
                taken[name].append(seconds)
        assert len(answers) == 1, answers
    ratios = [ahead / waiting for ahead, waiting in zip(taken["ahead"], taken["waiting"], strict=True)]
    print(f"best of {options.n}, {options.problems} problems, {os.cpu_count()} processors, wall time, medians")
    for name, times in taken.items():
        print(f"  {name:8} {statistics.median(times):.2f} s a problem")
    print(f"  ahead / waiting  {statistics.median(ratios):.2f}  (from {min(ratios):.2f} to {max(ratios):.2f})")


def _solve(graph: Any, problem: str) -> tuple[float, str | None]:
    began = time.perf_counter()
    result = graph.invoke({"problem": problem}, context=SearchContext(seed=3))["result"]
    return time.perf_counter() - began, result["answer"]


if __name__ == "__main__":
    main()
