"""simulate: look ahead from a step to value it, to the end of a solution (MCTS) or a few steps (ReST-MCTS*)."""

from collections.abc import Iterable

from langchain_core.runnables import Runnable

from its_graph.budget import Spend, total
from its_graph.contracts import Generator, SampleRequest, Verifier
from its_graph.nodes.expand import reserve_completion
from its_graph.nodes.pricing import verdict_price
from its_graph.nodes.rules.types import ReadingRule
from its_graph.nodes.sampling import build_request, sampling_node
from its_graph.search.calls import PlannedCall
from its_graph.search.state import SearchState, Update
from its_graph.search.tree import Tree

__all__ = ["best_child", "rollout", "rollout_paths", "simulate", "simulated_paths"]


def simulate(generator: Generator, verifier: Verifier, reading: ReadingRule) -> Runnable[SearchState, Update]:
    """Sample every new open step to the end of a solution in one call: its simulation, which is also a candidate.

    Steps with the same text share one. Simulations are added to the new steps, to be verified with them.

    Args:
        generator: source of the solutions.
        verifier: verifier that will score them; its price is reserved together with theirs.
        reading: which new paths will be verified; their price is reserved too.
    """

    def plan(tree: Tree) -> list[PlannedCall[SampleRequest]]:
        steps = tree.distinct(filter(tree.open, tree.new_steps))
        return [
            build_request(generator, tree, key=str(tree.next_id + offset), parent=step)
            for offset, step in enumerate(steps)
        ]

    def reserve(tree: Tree) -> Spend:
        verdicts = (verdict_price(verifier, tree.candidate(tip)) for _, tip in reading(tree))
        return total([reserve_completion(generator)(tree), *verdicts])

    def close(tree: Tree, added: list[str]) -> Update:
        return {"new_steps": [*tree.new_steps, *added]}

    return sampling_node("simulate", generator, plan, verifier=verifier, prefetch=False, reserve=reserve, close=close)


def simulated_paths(tree: Tree) -> Iterable[tuple[str, str]]:
    """Verify only the new paths that have ended: the value of a step is that of its simulation."""
    return ((step, step) for step in (*tree.unscored_edits, *tree.new_steps) if not tree.open(step))


def best_child(tree: Tree) -> str | None:
    """Return the best of the new steps, the one that is rolled out; None without new steps."""
    return min(tree.new_steps, key=tree.sort_key, default=None)


def rollout(generator: Generator, verifier: Verifier, step: int) -> Runnable[SearchState, Update]:
    """Extend the best child by its `step`-th greedy step, as text that is verified but not kept.

    Args:
        generator: source of the steps.
        verifier: verifier that will score them; its price is reserved together with theirs.
        step: number of the step, from 1; a rollout that ended or failed earlier is not continued.
    """

    def plan(tree: Tree) -> list[PlannedCall[SampleRequest]]:
        steps = _rollout_steps(tree)
        tip = steps[-1] if steps else best_child(tree)
        if tip is None or not tree.open(tip) or len(steps) != step - 1:
            return []
        stop = (generator.step_separator,)
        return [build_request(generator, tree, key=str(tree.next_id), parent=tip, stop=stop, temperature=0.0)]

    def reserve(tree: Tree) -> Spend:
        verdicts = (verdict_price(verifier, tree.candidate(tip)) for _, tip in rollout_paths(tree))
        return total([reserve_completion(generator)(tree), *verdicts])

    return sampling_node(
        "rollout", generator, plan, verifier=verifier, prefetch=False, auxiliary="rollout", reserve=reserve
    )


def rollout_paths(tree: Tree) -> Iterable[tuple[str, str]]:
    """Verify every step of the rollout drawn from the best child."""
    return ((step, step) for step in _rollout_steps(tree))


def _rollout_steps(tree: Tree) -> list[str]:
    """Return the steps of the rollout drawn from the best child, in order."""
    first = best_child(tree)
    if first is None:
        return []
    path = tree.path(tree.rollout_tip(first))
    return path[path.index(first) + 1 :]
