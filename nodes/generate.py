"""generate: sample whole solutions, from the question or from the best open path."""

from collections.abc import Callable
from typing import TypeAlias

from langchain_core.runnables import Runnable

from its_graph.contracts import Generator, SampleRequest, Verifier
from its_graph.nodes.sampling import OwnScore, ask, sampling_node
from its_graph.search.calls import Planned
from its_graph.search.state import SearchState, Update
from its_graph.search.tree import Tree

__all__ = ["Shape", "complete", "generate", "plain"]

Shape: TypeAlias = Callable[[Tree, Planned[SampleRequest]], SampleRequest]
"""Alters what a planned sample asks for (log-probabilities, another prompt), given the search so far. Pure."""


def plain(tree: Tree, planned: Planned[SampleRequest]) -> SampleRequest:
    """Ask as planned."""
    return planned.request


def generate(
    generator: Generator,
    *,
    n: int,
    wave: int | None = None,
    temperature: float | None = None,
    judged_by: Verifier | None = None,
    ahead: Verifier | None = None,
    shape: Shape = plain,
    own_score: OwnScore | None = None,
) -> Runnable[SearchState, Update]:
    """Sample up to `n` solutions of the question in all, `wave` of them each time the node runs.

    Args:
        generator: where samples come from.
        n: samples in all, failed ones included.
        wave: samples per run of this node; None draws all at once.
        temperature: overrides the run's own; 0 is greedy.
        judged_by: the verifier that will score them; its price is reserved together with theirs.
        ahead: the same, where it is asked next: it begins with each solution as it arrives.
        shape: what else each sample asks for.
        own_score: how a sample scores itself, where no verifier does.
    """

    def plan(tree: Tree) -> list[Planned[SampleRequest]]:
        keys = range(tree.next_id, min(tree.entry + n, tree.next_id + (wave or n)))
        drawn = [ask(generator, tree, key=str(key), parent=None, temperature=temperature) for key in keys]
        return [one._replace(request=shape(tree, one)) for one in drawn]

    return sampling_node("generate", generator, plan, judged_by=judged_by, ahead=ahead, own_score=own_score)


def complete(generator: Generator) -> Runnable[SearchState, Update]:
    """Take the best open path to its end in one go: the way out of a step search that has no complete solution."""

    def plan(tree: Tree) -> list[Planned[SampleRequest]]:
        best = min(filter(tree.open, tree.frontier), key=tree.rank, default=None)
        return [ask(generator, tree, key=str(tree.next_id), parent=best)]

    def close(tree: Tree, added: list[str]) -> Update:
        return {"fresh": added, "frontier": []} if added else {"fresh": []}

    return sampling_node("finish", generator, plan, close=close)
