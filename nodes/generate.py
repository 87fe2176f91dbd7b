"""generate: sample whole solutions, from the question or from the best open path."""

from langchain_core.runnables import Runnable

from its_graph.contracts import Generator, SampleRequest, Verifier
from its_graph.nodes.rules.types import OwnScore, RequestTransform
from its_graph.nodes.sampling import build_request, sampling_node
from its_graph.search.calls import PlannedCall
from its_graph.search.state import SearchState, Update
from its_graph.search.tree import Tree

__all__ = ["as_planned", "complete", "generate"]


def as_planned(tree: Tree, planned: PlannedCall[SampleRequest]) -> SampleRequest:
    """Return the request unchanged."""
    return planned.request


def generate(
    generator: Generator,
    *,
    n: int,
    wave: int | None = None,
    temperature: float | None = None,
    verifier: Verifier | None = None,
    transform: RequestTransform = as_planned,
    own_score: OwnScore | None = None,
) -> Runnable[SearchState, Update]:
    """Sample up to `n` solutions of the question in total, `wave` of them each time the node runs.

    Args:
        generator: source of the samples.
        n: samples in total, failed ones included.
        wave: samples per run of this node; None draws all at once.
        temperature: overrides the run's temperature; 0 is greedy.
        verifier: verifier that scores the solutions next; its price is reserved together with theirs, and it may
            start on each solution as it arrives.
        transform: changes the request of each sample.
        own_score: how a sample scores itself, if no verifier does.
    """

    def plan(tree: Tree) -> list[PlannedCall[SampleRequest]]:
        keys = range(tree.next_id, min(tree.first_record + n, tree.next_id + (wave or n)))
        calls = [build_request(generator, tree, key=str(key), parent=None, temperature=temperature) for key in keys]
        return [call._replace(request=transform(tree, call)) for call in calls]

    return sampling_node("generate", generator, plan, verifier=verifier, own_score=own_score)


def complete(generator: Generator) -> Runnable[SearchState, Update]:
    """Sample the best open path to its end in one call: how a step search without a complete solution still answers."""

    def plan(tree: Tree) -> list[PlannedCall[SampleRequest]]:
        best = min(filter(tree.open, tree.frontier), key=tree.sort_key, default=None)
        return [build_request(generator, tree, key=str(tree.next_id), parent=best)]

    def close(tree: Tree, added: list[str]) -> Update:
        return {"new_steps": added, "frontier": []} if added else {"new_steps": []}

    return sampling_node("finish", generator, plan, close=close)
