"""expand: sample the next step of every open path at the frontier."""

from collections.abc import Sequence

from langchain_core.runnables import Runnable

from its_graph.budget import NOTHING, Spend, total
from its_graph.contracts import Generator, SampleRequest, Verifier
from its_graph.nodes.pricing import sample_price, verdict_price
from its_graph.nodes.rules.types import ReserveRule
from its_graph.nodes.sampling import build_request, require_continuation, sampling_node
from its_graph.nodes.verify import new_paths
from its_graph.search.calls import PlannedCall
from its_graph.search.state import SearchState, Update
from its_graph.search.tree import Tree

__all__ = ["expand", "lookahead", "reserve_completion"]

_ALTERNATIVE = "a strategy over whole solutions (best_of_n, self_consistency)"


def expand(
    generator: Generator, *, n: int, verifier: Verifier | None = None, prefetch: bool = True
) -> Runnable[SearchState, Update]:
    """Sample `n` first steps of the question, later one next step for every open entry of the frontier.

    While no solution is complete, the price of completing one path is reserved, so that a search that runs out of
    budget can still answer; so is the price of verifying what a person wrote since the last round.

    Args:
        generator: source of the steps; it must be able to continue a prefix.
        n: steps in the first round.
        verifier: verifier that will score the steps; its price is reserved together with theirs.
        prefetch: whether the verifier may start on each step as it arrives; False if it reads something else next.
    """

    def plan(tree: Tree) -> list[PlannedCall[SampleRequest]]:
        if not tree.samples_drawn:
            return _steps(generator, tree, [None] * n)
        return _steps(generator, tree, [step for step in tree.frontier if tree.open(step)])

    def reserve(tree: Tree) -> Spend:
        verdicts = [verdict_price(verifier, tree.candidate(step)) for step in tree.unscored_edits] if verifier else []
        return total([reserve_completion(generator)(tree), *verdicts])

    require_continuation(generator, "a step search", _ALTERNATIVE)
    return sampling_node("expand", generator, plan, verifier=verifier, prefetch=prefetch, reserve=reserve)


def lookahead(generator: Generator, verifier: Verifier) -> Runnable[SearchState, Update]:
    """Extend every new open path by one greedy step, as text that is verified but not kept.

    k of these in a row are the lookahead of k steps of Snell et al. (2408.03314, section 5.3: temperature 0).
    """

    def plan(tree: Tree) -> list[PlannedCall[SampleRequest]]:
        tips = [tip for step in tree.new_steps if tree.open(tip := tree.rollout_tip(step))]
        return _steps(generator, tree, tips, temperature=0.0)

    def reserve(tree: Tree) -> Spend:
        verdicts = (verdict_price(verifier, tree.candidate(tip)) for _, tip in new_paths(tree))
        return total([reserve_completion(generator)(tree), *verdicts])

    require_continuation(generator, "a step search", _ALTERNATIVE)
    return sampling_node(
        "lookahead", generator, plan, verifier=verifier, prefetch=False, auxiliary="rollout", reserve=reserve
    )


def reserve_completion(generator: Generator) -> ReserveRule:
    """Reserve the price of completing one path, whichever it will be; nothing once a solution is complete."""
    price = sample_price(generator)

    def reserve(tree: Tree) -> Spend:
        if tree.completed:
            return NOTHING
        open_paths = list(filter(tree.open, tree.new_steps or tree.frontier)) or list(filter(tree.open, tree.frontier))
        shortest = min(open_paths, key=tree.tokens, default=None)
        return price(build_request(generator, tree, key="", parent=shortest).request)

    return reserve


def _steps(
    generator: Generator, tree: Tree, parents: Sequence[str | None], temperature: float | None = None
) -> list[PlannedCall[SampleRequest]]:
    stop = (generator.step_separator,)
    return [
        build_request(
            generator, tree, key=str(tree.next_id + offset), parent=parent, stop=stop, temperature=temperature
        )
        for offset, parent in enumerate(parents)
    ]
