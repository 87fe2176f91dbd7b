"""generate: sample whole solutions, from the question or from the best open path."""


from langchain_core.runnables import Runnable

from its_graph.contracts import Generator, SampleRequest, Verifier
from its_graph.nodes.rules.types import OwnScore, RequestTransform
from its_graph.nodes.sampling import build_request, sampling_node
from its_graph.search.calls import PlannedCall
from its_graph.search.state import SearchState, Update
from its_graph.search.tree import Tree

__all__ = ["complete", "generate", "as_planned"]



def as_planned(tree: Tree, planned: PlannedCall[SampleRequest]) -> SampleRequest:
    """Ask as planned."""
    return planned.request


def generate(
    generator: Generator,
    *,
    n: int,
    wave: int | None = None,
    temperature: float | None = None,
    verifier: Verifier | None = None,
    ahead: Verifier | None = None,
    shape: RequestTransform = as_planned,
    own_score: OwnScore | None = None,
) -> Runnable[SearchState, Update]:
    """Sample up to `n` solutions of the question in all, `wave` of them each time the node runs.

    Args:
        generator: where samples come from.
        n: samples in all, failed ones included.
        wave: samples per run of this node; None draws all at once.
        temperature: overrides the run's own; 0 is greedy.
        verifier: the verifier that will score them; its price is reserved together with theirs.
        ahead: the same, where it is asked next: it begins with each solution as it arrives.
        shape: what else each sample asks for.
        own_score: how a sample scores itself, where no verifier does.
    """

    def plan(tree: Tree) -> list[PlannedCall[SampleRequest]]:
        keys = range(tree.next_id, min(tree.first_record + n, tree.next_id + (wave or n)))
        drawn = [build_request(generator, tree, key=str(key), parent=None, temperature=temperature) for key in keys]
        return [one._replace(request=shape(tree, one)) for one in drawn]

    return sampling_node("generate", generator, plan, verifier=verifier, ahead=ahead, own_score=own_score)


def complete(generator: Generator) -> Runnable[SearchState, Update]:
    """Take the best open path to its end in one go: the way out of a step search that has no complete solution."""

    def plan(tree: Tree) -> list[PlannedCall[SampleRequest]]:
        best = min(filter(tree.open, tree.frontier), key=tree.sort_key, default=None)
        return [build_request(generator, tree, key=str(tree.next_id), parent=best)]

    def close(tree: Tree, added: list[str]) -> Update:
        return {"new_steps": added, "frontier": []} if added else {"new_steps": []}

    return sampling_node("finish", generator, plan, close=close)
