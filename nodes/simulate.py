"""simulate: look ahead from a step to value it, to the end of a solution (MCTS) or a few steps (ReST-MCTS*)."""

from collections.abc import Iterable

from langchain_core.runnables import Runnable

from its_graph.budget import Spend, total
from its_graph.contracts import Generator, SampleRequest, Verifier
from its_graph.nodes.expand import way_out
from its_graph.nodes.pricing import verdict_price
from its_graph.nodes.sampling import ask, sampling_node
from its_graph.nodes.verify import Reading
from its_graph.search.calls import Planned
from its_graph.search.state import SearchState, Update
from its_graph.search.tree import Tree

__all__ = ["favourite", "rollout", "rollout_paths", "simulate", "solutions"]


def simulate(generator: Generator, judged_by: Verifier, reading: Reading) -> Runnable[SearchState, Update]:
    """Take every fresh open step to the end of a solution in one go: its simulation, and a candidate for the answer.

    Steps with the same text share one. Simulations join the fresh steps, to be judged with them.

    Args:
        generator: where solutions come from.
        judged_by: the verifier that will score them; its price is reserved together with theirs.
        reading: what of the fresh steps will be judged; its price is held back.
    """

    def plan(tree: Tree) -> list[Planned[SampleRequest]]:
        steps = tree.distinct(filter(tree.open, tree.fresh))
        return [ask(generator, tree, key=str(tree.next_id + offset), parent=step) for offset, step in enumerate(steps)]

    def hold(tree: Tree) -> Spend:
        judging = (verdict_price(judged_by, tree.candidate(tip)) for _, tip in reading(tree))
        return total([way_out(generator)(tree), *judging])

    def close(tree: Tree, added: list[str]) -> Update:
        return {"fresh": [*tree.fresh, *added]}

    return sampling_node("simulate", generator, plan, judged_by=judged_by, hold=hold, close=close)


def solutions(tree: Tree) -> Iterable[tuple[str, str]]:
    """Judge only the fresh paths that go no further: the value of a step is that of its simulation."""
    return ((step, step) for step in (*tree.unjudged, *tree.fresh) if not tree.open(step))


def favourite(tree: Tree) -> str | None:
    """Return the best of the fresh steps, the one that is rolled out; None without any."""
    return min(tree.fresh, key=tree.rank, default=None)


def rollout(generator: Generator, judged_by: Verifier, step: int) -> Runnable[SearchState, Update]:
    """Roll the favourite its `step`-th greedy step further, as text that is judged but not kept.

    Args:
        generator: where steps come from.
        judged_by: the verifier that will score them; its price is reserved together with theirs.
        step: 1 for the first; a rollout that ended or failed before is not continued.
    """

    def plan(tree: Tree) -> list[Planned[SampleRequest]]:
        rolled = _rolled(tree)
        tip = rolled[-1] if rolled else favourite(tree)
        if tip is None or not tree.open(tip) or len(rolled) != step - 1:
            return []
        stop = (generator.step_separator,)
        return [ask(generator, tree, key=str(tree.next_id), parent=tip, stop=stop, temperature=0.0)]

    def hold(tree: Tree) -> Spend:
        judging = (verdict_price(judged_by, tree.candidate(tip)) for _, tip in rollout_paths(tree))
        return total([way_out(generator)(tree), *judging])

    return sampling_node("rollout", generator, plan, judged_by=judged_by, aside="rollout", hold=hold)


def rollout_paths(tree: Tree) -> Iterable[tuple[str, str]]:
    """Judge every step of the rollout drawn from the favourite."""
    return ((step, step) for step in _rolled(tree))


def _rolled(tree: Tree) -> list[str]:
    """Return the steps of the rollout drawn from the favourite, in order."""
    first = favourite(tree)
    if first is None:
        return []
    path = tree.path(tree.rollout_tip(first))
    return path[path.index(first) + 1 :]
