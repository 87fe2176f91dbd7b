"""Does a round of MCTS get dearer while its tree grows? `python tests/benchmarks/bench_tree.py [--nodes 10000]`.

Models answer at once, so only the machinery is measured, in CPU time without garbage collection: descent, backup, the
records and LangGraph's own work. Printed is the time of a round (4 leaves, 3 steps below each) in tenths of the search,
as a ratio to the first tenth: flat is near 1. Nothing is asserted.
"""

import argparse
import gc
import time
import warnings
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from langchain_core.runnables import RunnableConfig

from its_graph import SearchContext
from its_graph.contracts import Candidate, Sample, SampleRequest, Verdict
from its_graph.errors import DiminishingReturnsWarning
from its_graph.graphs.mcts import create_mcts
from its_graph.testing import ScriptedGenerator, ScriptedVerifier

LEAVES, BRANCH = 4, 3
MODULUS = 9973


class InstantGenerator(ScriptedGenerator):
    """Answers a step that follows from the seed and never ends the solution; notes when it was asked first a round."""

    max_tokens = 10_000_000

    def __init__(self) -> None:
        super().__init__(lambda request: "")
        self.rounds: list[float] = []

    def batch_as_completed(self, inputs: Sequence[SampleRequest], config: Any = None, **kwargs: Any) -> Any:
        self.rounds.append(time.process_time())
        return super().batch_as_completed(inputs, config, **kwargs)

    def invoke(self, input: SampleRequest, config: RunnableConfig | None = None, **kwargs: Any) -> list[Sample]:
        text = f"step {input.seed}\n\n"
        return [Sample(text=text, finish_reason="stop_string", prompt_tokens=100, generated_tokens=20)]

    def prompt_tokens(self, request: SampleRequest) -> int:
        return 100


class InstantVerifier(ScriptedVerifier):
    """Gives a step a score that follows from its number."""

    def __init__(self) -> None:
        super().__init__(lambda candidate: 0.0)

    def invoke(self, input: Candidate, config: RunnableConfig | None = None, **kwargs: Any) -> Verdict:
        value = int(input.steps[-1].split()[1]) % MODULUS / MODULUS
        return Verdict(scores=(value,) * len(input.steps), value=value, tokens=120)

    def tokens(self, candidate: Candidate) -> int:
        return 120


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nodes", type=int, default=10_000)
    nodes = parser.parse_args().nodes
    iterations = nodes // BRANCH
    generator = InstantGenerator()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DiminishingReturnsWarning)
        graph = create_mcts(
            generator, InstantVerifier(), n=nodes, iterations=iterations, leaves=LEAVES, branch=BRANCH, max_steps=10_000
        ).compile()
    question: Any = {"problem": "Add 3, 5, 4."}
    limit: Any = {"recursion_limit": 4 * iterations}
    gc.collect()
    gc.disable()
    began = time.process_time()
    result = graph.invoke(question, limit, context=SearchContext(seed=1))["result"]
    seconds = time.process_time() - began
    took = [later - earlier for earlier, later in pairwise(generator.rounds)]
    tenth = len(took) // 10
    tenths = [sum(took[place * tenth : (place + 1) * tenth]) / tenth for place in range(10)]
    rounds, reason = len(generator.rounds), result["stop_reason"]
    print(f"{rounds} rounds, {nodes} nodes, stopped by {reason}: {seconds:.1f} s of CPU time")
    print(f"first tenth: {1000 * tenths[0]:.2f} ms a round")
    print("a round of each tenth over one of the first: " + " ".join(f"{one / tenths[0]:.2f}" for one in tenths))


if __name__ == "__main__":
    main()
