"""expand: sample the next step of every open path at the frontier."""

from collections.abc import Callable, Sequence
from typing import TypeAlias

from langchain_core.runnables import Runnable

from its_graph.body import Planned
from its_graph.budget import NOTHING, Spend, total
from its_graph.contracts import Generator, SampleRequest, Verifier
from its_graph.errors import ContinuationError
from its_graph.nodes.draw import ask, sample_price, sampling_node
from its_graph.nodes.verify import verdict_price
from its_graph.state import SearchState, Update
from its_graph.tree import Tree

__all__ = ["Share", "each", "evenly", "expand", "lookahead"]

Share: TypeAlias = Callable[[int], list[int]]
"""Given how many paths are open, says how many continuations each of them gets."""


def evenly(n: int) -> Share:
    """Deal `n` continuations out to the open paths, the first ones getting what is left over."""
    return lambda paths: [n // paths + (index < n % paths) for index in range(paths)]


def each(branch: int) -> Share:
    """Give every open path `branch` continuations."""
    return lambda paths: [branch] * paths


def expand(
    generator: Generator, *, n: int, share: Share, judged_by: Verifier | None = None
) -> Runnable[SearchState, Update]:
    """Sample `n` first steps of the question, later the next steps of the paths at the frontier.

    While no solution is complete, the price of completing one path is held back, so that a search whose budget ends
    half way can still answer.

    Args:
        generator: where steps come from; it must be able to continue a prefix.
        n: steps in the first round.
        share: how many continuations each of the open paths gets in a later round.
        judged_by: the verifier that will score them; its price is reserved together with theirs.
    """

    def plan(tree: Tree) -> list[Planned[SampleRequest]]:
        if not tree.next_id:
            return _steps(generator, tree, [None] * n)
        shares = zip(tree.frontier, share(len(tree.frontier)), strict=True)
        return _steps(generator, tree, [path for path, count in shares for _ in range(count)])

    _require_continuation(generator)
    return sampling_node("expand", generator, plan, judged_by=judged_by, hold=_way_out(generator))


def lookahead(generator: Generator, judged_by: Verifier) -> Runnable[SearchState, Update]:
    """Roll every fresh open path one greedy step further, as text that is judged but not kept.

    k of these in a row are the lookahead of k steps of Snell et al. (2408.03314, section 5.3: temperature 0).
    """

    def plan(tree: Tree) -> list[Planned[SampleRequest]]:
        tips = [tip for step in tree.fresh if tree.open(tip := tree.rollout_tip(step))]
        return _steps(generator, tree, tips, temperature=0.0)

    def hold(tree: Tree) -> Spend:
        judging = (verdict_price(judged_by, tree.candidate(tree.rollout_tip(step))) for step in tree.fresh)
        return total([_way_out(generator)(tree), *judging])

    _require_continuation(generator)
    return sampling_node("lookahead", generator, plan, judged_by=judged_by, rollout=True, hold=hold)


def _way_out(generator: Generator) -> Callable[[Tree], Spend]:
    """Price what completes one path, whichever it will be; nothing once a solution is complete."""
    price = sample_price(generator)

    def hold(tree: Tree) -> Spend:
        if tree.complete:
            return NOTHING
        open_paths = [step for step in tree.fresh if tree.open(step)] or tree.frontier
        shortest = min(open_paths, key=tree.tokens, default=None)
        return price(ask(generator, tree, key="", parent=shortest).request)

    return hold


def _steps(
    generator: Generator, tree: Tree, parents: Sequence[str | None], temperature: float | None = None
) -> list[Planned[SampleRequest]]:
    stop = (generator.step_separator,)
    return [
        ask(generator, tree, key=str(tree.next_id + offset), parent=parent, stop=stop, temperature=temperature)
        for offset, parent in enumerate(parents)
    ]


def _require_continuation(generator: Generator) -> None:
    if not generator.can_continue:
        raise ContinuationError(
            f"{type(generator).__name__} cannot continue a given assistant text, and a step search needs that. "
            "Use a strategy over whole solutions (best_of_n, self_consistency), or a backend that continues: "
            "TransformersGenerator, or Generator.from_chat_model(model, can_continue=True) where the server does."
        )
