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
    """Take every fresh open step to the end of a solution in one go: its simulation, and a candidate for the answer.

    Steps with the same text share one. Simulations join the fresh steps, to be judged with them.

    Args:
        generator: where solutions come from.
        verifier: the verifier that will score them; its price is reserved together with theirs.
        reading: what of the fresh steps will be judged; its price is held back.
    """

    def plan(tree: Tree) -> list[PlannedCall[SampleRequest]]:
        steps = tree.distinct(filter(tree.open, tree.new_steps))
        return [
            build_request(generator, tree, key=str(tree.next_id + offset), parent=step)
            for offset, step in enumerate(steps)
        ]

    def reserve(tree: Tree) -> Spend:
        judging = (verdict_price(verifier, tree.candidate(tip)) for _, tip in reading(tree))
        return total([reserve_completion(generator)(tree), *judging])

    def close(tree: Tree, added: list[str]) -> Update:
        return {"new_steps": [*tree.new_steps, *added]}

    return sampling_node("simulate", generator, plan, verifier=verifier, reserve=reserve, close=close)


def simulated_paths(tree: Tree) -> Iterable[tuple[str, str]]:
    """Judge only the fresh paths that go no further: the value of a step is that of its simulation."""
    return ((step, step) for step in (*tree.unscored_edits, *tree.new_steps) if not tree.open(step))


def best_child(tree: Tree) -> str | None:
    """Return the best of the fresh steps, the one that is rolled out; None without any."""
    return min(tree.new_steps, key=tree.sort_key, default=None)


def rollout(generator: Generator, verifier: Verifier, step: int) -> Runnable[SearchState, Update]:
    """Roll the favourite its `step`-th greedy step further, as text that is judged but not kept.

    Args:
        generator: where steps come from.
        verifier: the verifier that will score them; its price is reserved together with theirs.
        step: 1 for the first; a rollout that ended or failed before is not continued.
    """

    def plan(tree: Tree) -> list[PlannedCall[SampleRequest]]:
        rolled = _rolled(tree)
        tip = rolled[-1] if rolled else best_child(tree)
        if tip is None or not tree.open(tip) or len(rolled) != step - 1:
            return []
        stop = (generator.step_separator,)
        return [build_request(generator, tree, key=str(tree.next_id), parent=tip, stop=stop, temperature=0.0)]

    def reserve(tree: Tree) -> Spend:
        judging = (verdict_price(verifier, tree.candidate(tip)) for _, tip in rollout_paths(tree))
        return total([reserve_completion(generator)(tree), *judging])

    return sampling_node("rollout", generator, plan, verifier=verifier, auxiliary="rollout", reserve=reserve)


def rollout_paths(tree: Tree) -> Iterable[tuple[str, str]]:
    """Judge every step of the rollout drawn from the favourite."""
    return ((step, step) for step in _rolled(tree))


def _rolled(tree: Tree) -> list[str]:
    """Return the steps of the rollout drawn from the favourite, in order."""
    first = best_child(tree)
    if first is None:
        return []
    path = tree.path(tree.rollout_tip(first))
    return path[path.index(first) + 1 :]
