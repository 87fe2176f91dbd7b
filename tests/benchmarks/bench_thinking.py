"""Does thinking longer pay? The thinking variant of the embedded generator, forced and revised.

`python tests/benchmarks/bench_thinking.py [--problems 100]` prints accuracy against generated tokens for ceilings, for
ignored ends of thinking (s1, 2501.19393, section 4), and for sequential revision beside parallel samples (Snell et al.
2408.03314, section 6), with s1's scaling and performance figures.
"""

import argparse
import asyncio
from typing import Any

import torch

from its_graph.contracts import Generator
from its_graph.embedded import load, load_thinker, problems
from its_graph.evaluation import SummaryRow, evaluate, summarize_outcomes
from its_graph.evaluation.budget_forcing import ForcedRun, performance, scaling
from its_graph.graphs.best_of_n import create_best_of_n
from its_graph.graphs.budget_forcing import create_budget_forcing
from its_graph.graphs.build import SearchGraph
from its_graph.graphs.self_consistency import create_self_consistency
from its_graph.graphs.sequential_revision import create_sequential_revision
from its_graph.nodes import prompts

_ANSWER = 16
_LONGEST = 640


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--problems", type=int, default=100)
    exam = list(problems(parser.parse_args().problems, seed=12345))
    torch.set_num_threads(1)
    _, verifier = load()
    thinker = load_thinker()
    forced: dict[str, list[ForcedRun]] = {"ceiling": [], "ignores": []}
    for ceiling in (16, 32, 64, 128, _LONGEST):
        row = _measure(f"ceiling {ceiling}", _forcing(thinker, ceiling, 0), exam)
        forced["ceiling"].append(_run(ceiling, row))
    for ignores in (0, 1, 2, 4):
        row = _measure(f"ignores {ignores}", _forcing(thinker, _LONGEST, ignores), exam)
        forced["ignores"].append(_run(_LONGEST, row))
    for name, runs in forced.items():
        print(f"{name}: scaling {100 * scaling(runs):+.3f} points a token, performance {100 * performance(runs):.1f} %")
    for n in (4, 8):
        _measure(f"vote, n = {n}", create_self_consistency(thinker, n=n), exam)
        _measure(f"best of n, n = {n}", create_best_of_n(thinker, verifier, n=n), exam)
        for chains in (1, n // 2):
            graph = create_sequential_revision(thinker, verifier, n=n, chains=chains, prompt=prompts.bare)
            _measure(f"revision, n = {n}, {chains} chains", graph, exam)


def _forcing(generator: Generator, ceiling: int, ignores: int) -> SearchGraph:
    return create_budget_forcing(generator, ignores=ignores, max_thinking_tokens=ceiling, answer_tokens=_ANSWER)


def _run(budget: int, row: SummaryRow) -> ForcedRun:
    return ForcedRun(budget, row.mean_generated_tokens, row.accuracy)


def _measure(name: str, graph: SearchGraph, exam: list[tuple[str, str]]) -> SummaryRow:
    compiled: Any = graph.compile()
    row = summarize_outcomes(asyncio.run(evaluate(compiled, exam, seed=7)))
    low, high = row.ci95
    print(
        f"{name:28} {100 * row.accuracy:5.1f} % [{100 * low:.1f}, {100 * high:.1f}]"
        f" {row.mean_generated_tokens:6.0f} generated tokens",
        flush=True,
    )
    return row


if __name__ == "__main__":
    main()
