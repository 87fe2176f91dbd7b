"""What a long AB-MCTS costs beside TreeQuest, the published code: `python tests/benchmarks/bench_ab_mcts.py`.

Models answer at once, with 2 kB of text, so only the machinery is measured, in CPU time without garbage collection; the
runs take turns. TreeQuest runs as its fastest, in place. Ours is the whole search: graph, contracts, budget, events,
records, the answer with its result. TreeQuest's time hangs on the tree that chance grows (it draws from SciPy for every
child it passes by), so each repeat has another seed. Ratios are printed as they fall; nothing is asserted.

1. 600 steps of TreeQuest over 600 of ours. Goal: at least 3. Where TreeQuest is missing, a line says so.
2. 600 steps of ours over a bare LangGraph loop of three nodes that writes the same records: the least it could cost.
3. Flatness: time of steps 501-600 over that of steps 51-150. Goal: near 1.
"""

import gc
import statistics
import time
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from itertools import pairwise
from random import Random
from typing import Annotated, Any, NamedTuple, TypedDict

from langchain_core.runnables import RunnableConfig
from langgraph.channels import DeltaChannel
from langgraph.graph import END, START, StateGraph

from its_graph import SearchContext
from its_graph.contracts import Candidate, Sample, SampleRequest, Verdict
from its_graph.graphs.ab_mcts import create_ab_mcts
from its_graph.search.state import write_once
from its_graph.testing import ScriptedGenerator, ScriptedVerifier

STEPS, REPEATS = 600, 9
FILLER = "so we add the next number and carry what is left over to the column on its side, as before\n\n" * 21
QUESTION: Any = {"problem": "Add 3, 5, 4."}
LIMIT: Any = {"recursion_limit": 4 * STEPS}


def answer_of(number: int) -> str:
    """Return an answer of about 2 kB; its number decides about its score."""
    return rf"{number:010d} {FILLER}\boxed{{{number % 7}}}"


def score_of(number: int) -> float:
    """Return a number in [0, 1] that follows from an answer's number."""
    return Random(number).betavariate(4, 2)


class InstantGenerator(ScriptedGenerator):
    """Answers with a text that follows from the seed, and notes when; it does not count words."""

    def __init__(self) -> None:
        super().__init__(lambda request: answer_of(request.seed or 0))
        self.asked: list[float] = []

    def invoke(self, input: SampleRequest, config: RunnableConfig | None = None, **kwargs: Any) -> list[Sample]:
        self.asked.append(time.process_time())
        return [Sample(text=answer_of(input.seed or 0), finish_reason="end", prompt_tokens=100, generated_tokens=400)]

    def prompt_tokens(self, request: SampleRequest) -> int:
        return 100


class InstantVerifier(ScriptedVerifier):
    """Gives an answer the score that follows from its number, and does not count words."""

    def __init__(self) -> None:
        super().__init__(lambda candidate: 0.0)

    def invoke(self, input: Candidate, config: RunnableConfig | None = None, **kwargs: Any) -> Verdict:
        value = score_of(int(input.steps[0][:10]))
        return Verdict(scores=(value,) * len(input.steps), value=value, tokens=500)

    def tokens(self, candidate: Candidate) -> int:
        return 500


class Timing(NamedTuple):
    """The CPU time of one run."""

    step_ms: float
    flatness: float


def run_ours(seed: int) -> list[float]:
    """Run our search; return the moments at which an answer was asked for."""
    generator = InstantGenerator()
    graph = create_ab_mcts(generator, InstantVerifier(), n=STEPS).compile()
    graph.invoke(QUESTION, LIMIT, context=SearchContext(seed=seed, max_tokens=1_000_000))
    return generator.asked


def run_treequest(seed: int) -> list[float]:
    """Run TreeQuest's search and take its best answer; return the moments at which an answer was asked for."""
    treequest = import_module("treequest")
    import_module("numpy").random.seed(seed)  # the generator that it draws from
    algorithm, chance, asked = treequest.ABMCTSA(), Random(seed), []
    state = algorithm.init_tree()

    def generate(parent: str | None) -> tuple[str, float]:
        asked.append(time.process_time())
        number = chance.getrandbits(31)
        return answer_of(number), score_of(number)

    for _ in range(STEPS):
        state = algorithm.step(state, {"model": generate}, inplace=True)
    treequest.top_k(state, algorithm, k=1)
    return asked


LOG: DeltaChannel[dict[str, Any]] = DeltaChannel(write_once, snapshot_frequency=1000)


class BareState(TypedDict, total=False):
    """What a loop by hand would keep."""

    steps: Annotated[dict[str, Any], LOG]
    scores: Annotated[dict[str, Any], LOG]
    problem: str
    place: str | None


def run_bare(seed: int) -> list[float]:
    """Run a loop of three LangGraph nodes that refines answers drawn by lot and scores them."""
    chance, asked = Random(seed), []

    def select(state: BareState) -> dict[str, Any]:
        return {"place": chance.choice([None, *state.get("scores", {})])}

    def generate(state: BareState) -> dict[str, Any]:
        asked.append(time.process_time())
        record = {"parent": None, "text": answer_of(chance.getrandbits(31)), "sources": [state["place"]]}
        return {"steps": {str(len(state.get("steps", {}))): record}}

    def verify(state: BareState) -> dict[str, Any]:
        step = str(len(state["steps"]) - 1)
        return {"scores": {step: {"step": step, "value": score_of(int(state["steps"][step]["text"][:10]))}}}

    graph = StateGraph(BareState)
    for node in (select, generate, verify):
        graph.add_node(node.__name__, node)
    for first, second in ((START, "select"), ("generate", "verify"), ("verify", "select")):
        graph.add_edge(first, second)
    graph.add_conditional_edges("select", lambda state: "generate" if len(state.get("steps", {})) < STEPS else END)
    graph.compile().invoke(QUESTION, LIMIT)
    return asked


def measured(run: Callable[[int], list[float]], seed: int) -> Timing:
    """Return the CPU time of one run, from its beginning to its very end."""
    gc.collect()
    gc.disable()  # as timeit does: a collection of the whole heap falls into one run and not into the other
    began = time.process_time()
    asked = run(seed)
    seconds = time.process_time() - began
    gc.enable()
    steps = [after - before for before, after in pairwise(asked)]
    return Timing(1000 * seconds / STEPS, sum(steps[499:599]) / sum(steps[49:149]))


def told(runs: list[float], digits: int = 2) -> str:
    """Return the median and the range."""
    return f"{statistics.median(runs):.{digits}f} (from {min(runs):.{digits}f} to {max(runs):.{digits}f})"


def main() -> None:
    """Measure and print."""
    programs = {"ours": run_ours, "bare loop": run_bare, "TreeQuest": run_treequest}
    if find_spec("treequest") is None:
        del programs["TreeQuest"]
    for run in programs.values():
        run(0)
    turns = [{name: measured(run, seed) for name, run in programs.items()} for seed in range(1, REPEATS + 1)]
    print(f"AB-MCTS-A, {STEPS} steps one after another, {REPEATS} seeds in turns, instant models, CPU time; medians")
    for name in programs:
        steps, flat = told([turn[name].step_ms for turn in turns]), told([turn[name].flatness for turn in turns])
        print(f"  {name:<9}  {steps} ms a step; flatness {flat}")
    print(f"  ours / bare loop  {told([turn['ours'].step_ms / turn['bare loop'].step_ms for turn in turns])}")
    if "TreeQuest" in programs:
        ratios = [turn["TreeQuest"].step_ms / turn["ours"].step_ms for turn in turns]
        print(f"  TreeQuest / ours  {told(ratios)}; goal >= 3")
    else:
        print("  TreeQuest / ours  not measured: treequest is not installed here (pip install treequest)")


if __name__ == "__main__":
    main()
