"""What the machinery of a search costs, beside a bare LangGraph loop: `python tests/benchmarks/bench_core.py`.

Models answer at once, so only the machinery is measured, in CPU time without garbage collection. Times differ from
machine to machine and from minute to minute: what is printed are ratios of runs that took turns, and bytes. Nothing
is asserted.

1. 40 rounds of 64 candidates: our beam search over a loop of four nodes that writes the same records and does nothing
   else (no contracts, budget, seeds, views or events). Goal: at most 3.
2. Flatness: rounds 31-40 over rounds 1-10. Goal: near 1.
3. Bytes of checkpoints in SQLite after 10, 20, 40 rounds. Goal: under 1.5 MB at 40, and linear.
4. `import its_graph` over `import langgraph.graph`, and what it must not load.
"""

import gc
import sqlite3
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import Annotated, Any, TypedDict

from langchain_core.runnables import RunnableConfig
from langgraph.channels import DeltaChannel
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.graph import END, START, StateGraph

from its_graph import SearchContext
from its_graph.contracts import Candidate, Sample, SampleRequest, Verdict
from its_graph.graphs import create_beam_search
from its_graph.testing import ScriptedGenerator, ScriptedVerifier

ROUNDS, SAMPLES, WIDTH, REPEATS = 40, 64, 16, 9
FILLER = "so we add the next number and carry what is left over to the column on its side, as before"
HEAVY = ("torch", "transformers", "vllm", "ray", "fastapi", "numpy", "math_verify", "sympy")


def step_text(number: int) -> str:
    """Return a step of about 100 characters; no two are equal."""
    return f"{number:010d} {FILLER}\n\n"


class InstantGenerator(ScriptedGenerator):
    """Answers a step with a text that follows from the seed, and does not count words."""

    def __init__(self) -> None:
        super().__init__(lambda request: step_text(request.seed or 0))

    def invoke(self, input: SampleRequest, config: RunnableConfig | None = None, **kwargs: Any) -> list[Sample]:
        return [
            Sample(
                text=step_text(input.seed or 0),
                finish_reason="stop_string",
                prompt_tokens=100,
                cached_tokens=0,
                generated_tokens=20,
                confidence=None,
                logprobs=None,
            )
        ]

    def prompt_tokens(self, request: SampleRequest) -> int:
        return 100


class InstantVerifier(ScriptedVerifier):
    """Gives the last step the score that its text begins with, and does not count words."""

    def __init__(self) -> None:
        super().__init__(lambda candidate: score_of(candidate.steps[-1]))

    def invoke(self, input: Candidate, config: RunnableConfig | None = None, **kwargs: Any) -> Verdict:
        value = score_of(input.steps[-1])
        return Verdict(scores=(value,) * len(input.steps), value=value, tokens=100)

    def tokens(self, candidate: Candidate) -> int:
        return 100


def score_of(text: str) -> float:
    """Return a number in [0, 1] that follows from a step's text."""
    return int(text[:10]) % 997 / 997


def beam_search(rounds: int) -> StateGraph[Any, Any, Any, Any]:
    """Return our beam search of this size."""
    return create_beam_search(InstantGenerator(), InstantVerifier(), n=SAMPLES, width=WIDTH, max_steps=rounds)


def merge(log: dict[str, Any], writes: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Merge records by id without looking at them."""
    merged = dict(log)
    for write in writes:
        merged.update(write)
    return merged


LOG: DeltaChannel[dict[str, Any]] = DeltaChannel(merge, snapshot_frequency=1000)


class BareState(TypedDict, total=False):
    """What a loop by hand would keep."""

    problem: str
    question: str
    steps: Annotated[dict[str, Any], LOG]
    scores: Annotated[dict[str, Any], LOG]
    new_steps: list[str]
    frontier: list[str]
    round: int


def bare_loop(rounds: int) -> StateGraph[Any, Any, Any, Any]:
    """Return the loop of four nodes that writes the same records."""

    def question(state: BareState) -> dict[str, Any]:
        return {"question": state["problem"], "new_steps": [], "frontier": [], "round": 0}

    def expand(state: BareState) -> dict[str, Any]:
        steps = state.get("steps", {})
        widened: list[str | None] = [path for path in state["frontier"] for _ in range(SAMPLES // WIDTH)]
        parents = widened or [None] * SAMPLES
        added = {
            str(len(steps) + offset): {
                "parent": parent,
                "text": step_text((len(steps) + offset) * 7919),
                "tokens": 20,
                "finish": "stop_string",
                "confidence": None,
            }
            for offset, parent in enumerate(parents)
        }
        return {"steps": added, "new_steps": list(added), "round": state["round"] + 1}

    def verify(state: BareState) -> dict[str, Any]:
        values = {step: score_of(state["steps"][step]["text"]) for step in state["new_steps"]}
        return {
            "scores": {
                step: {"step": step, "value": value, "steps": [value], "tokens": 100} for step, value in values.items()
            }
        }

    def select(state: BareState) -> dict[str, Any]:
        scores = state["scores"]
        return {"frontier": sorted(state["new_steps"], key=lambda step: -scores[step]["value"])[:WIDTH]}

    graph = StateGraph(BareState)
    for node in (question, expand, verify, select):
        graph.add_node(node.__name__, node)
    for first, second in ((START, "question"), ("question", "expand"), ("expand", "verify"), ("verify", "select")):
        graph.add_edge(first, second)
    graph.add_conditional_edges("select", lambda state: "expand" if state["round"] < rounds else END)
    return graph


SETTINGS = SearchContext(seed=1, max_tokens=1_000_000)
QUESTION = {"problem": "Add 3, 5, 4."}


def run_ours(rounds: int = ROUNDS) -> Callable[[], object]:
    """Return a run of our search, compiled beforehand."""
    graph = beam_search(rounds).compile()
    return lambda: graph.invoke(QUESTION, context=SETTINGS)


def run_bare(rounds: int = ROUNDS) -> Callable[[], object]:
    """Return a run of the loop by hand, compiled beforehand."""
    graph = bare_loop(rounds).compile()
    return lambda: graph.invoke(QUESTION)


def cpu_seconds(run: Callable[[], object]) -> float:
    """Return the CPU time of one run, which other work on the machine disturbs less than its wall time."""
    gc.collect()
    gc.disable()  # as timeit does: a collection of the whole heap falls into one run and not into the other
    began = time.process_time()
    run()
    spent = time.process_time() - began
    gc.enable()
    return spent


def in_turns(one: Callable[[], object], other: Callable[[], object]) -> Iterator[tuple[float, float]]:
    """Yield the times of both, measured in alternation, after a run of each to warm up."""
    one()
    other()
    for _ in range(REPEATS):
        yield cpu_seconds(one), cpu_seconds(other)


def round_times(graph: StateGraph[Any, Any, Any, Any]) -> list[float]:
    """Return the CPU seconds of each round of our search, from one `select` to the next."""
    ends = [time.process_time()]
    for update in graph.compile().stream(QUESTION, context=SETTINGS, stream_mode="updates"):
        if "question" in update:
            ends = [time.process_time()]
        if "select" in update:
            ends.append(time.process_time())
    return [after - before for before, after in pairwise(ends)]


def flatness() -> float:
    """Return the time of rounds 31-40 over that of rounds 1-10, median over the repeats."""
    gc.collect()
    gc.disable()
    runs = [round_times(beam_search(ROUNDS)) for _ in range(REPEATS)]
    gc.enable()
    return statistics.median(sum(run[30:40]) / sum(run[:10]) for run in runs)


def checkpoint_bytes(graph: StateGraph[Any, Any, Any, Any]) -> int:
    """Return the bytes that one run leaves in the tables of a SQLite saver."""
    connection = sqlite3.connect(":memory:", check_same_thread=False)
    graph.compile(checkpointer=SqliteSaver(connection)).invoke(
        QUESTION, {"configurable": {"thread_id": "1"}}, context=SETTINGS
    )
    sizes = (
        "SELECT sum(length(checkpoint) + length(metadata)) FROM checkpoints",
        "SELECT sum(length(value)) FROM writes",
    )
    return sum(int(connection.execute(size).fetchone()[0]) for size in sizes)


def import_seconds(module: str) -> float:
    """Return the wall time of a fresh interpreter that imports `module`."""
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", f"import {module}"], check=True)
    return time.perf_counter() - began


def heavy_imports() -> list[str]:
    """Return which of the heavy libraries `import its_graph` loads."""
    code = f"import sys, its_graph; print(*[name for name in {HEAVY!r} if name in sys.modules])"
    return subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split()


def main() -> None:
    """Measure and print."""
    pairs = list(in_turns(run_ours(), run_bare()))
    ratios = sorted(ours / bare for ours, bare in pairs)
    ours, bare = (1000 * statistics.median(column) for column in zip(*pairs, strict=True))
    print(f"{ROUNDS} rounds x {SAMPLES} candidates, median of {REPEATS} in turns, instant models, CPU time")
    print(f"  ours {ours:.0f} ms, bare loop {bare:.0f} ms")
    print(f"  ours / bare     {statistics.median(ratios):.2f}  (from {ratios[0]:.2f} to {ratios[-1]:.2f}; goal <= 3)")
    print(f"  flatness        {flatness():.2f}  (rounds 31-40 over 1-10; goal near 1)")
    sizes = {rounds: checkpoint_bytes(beam_search(rounds)) for rounds in (10, 20, 40)}
    print("checkpoints in SQLite, steps of 100 characters")
    for rounds, size in sizes.items():
        nodes = rounds * SAMPLES
        print(f"  {rounds} rounds, {nodes:,} nodes: {size / 1e6:.2f} MB ({size / nodes:.0f} bytes a node)")
    print(f"  40 / 20 rounds  {sizes[40] / sizes[20]:.2f}  (linear: 2; goal at 40 rounds < 1.5 MB)")
    print(f"  the loop by hand, {ROUNDS} rounds: {checkpoint_bytes(bare_loop(ROUNDS)) / 1e6:.2f} MB")
    imports = [(import_seconds("its_graph"), import_seconds("langgraph.graph")) for _ in range(REPEATS)]
    print(f"import its_graph / import langgraph.graph: {statistics.median(a / b for a, b in imports):.2f}")
    print(f"  heavy libraries loaded: {', '.join(heavy_imports()) or 'none'}")


if __name__ == "__main__":
    main()
