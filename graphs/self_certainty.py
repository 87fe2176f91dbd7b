"""self_certainty: rank solutions by how far the model was from guessing, and let the ranks vote (2502.18581).

1. Generate n solutions; each scores itself by its self-certainty: the mean over its tokens of KL(uniform || p), p the
model's distribution over the whole vocabulary. 2. Answer with the Borda vote: the r-th most certain of n has
(n - r + 1)^power votes for its answer.
Cost: n generations, no verifier.
When: a vote is wanted that listens to the model and no verifier is at hand. It takes the whole vocabulary, so a local
model. A model that is sure of its mistakes is not helped (with the embedded models it is no better than
self_consistency); a good verifier (best_of_n) sees more.
"""

from langgraph.graph import END

from its_graph.contracts import Generator, SampleRequest
from its_graph.graphs.build import SearchGraph, require, require_signal, search_graph
from its_graph.graphs.subsearch import require_standalone
from its_graph.nodes.answer import answer
from its_graph.nodes.generate import generate
from its_graph.nodes.rules.choice import borda
from its_graph.search.calls import PlannedCall
from its_graph.search.tree import Tree

__all__ = ["create_self_certainty"]


def create_self_certainty(generator: Generator, *, n: int = 16, power: float = 0.5) -> SearchGraph:
    """Sample n solutions and let them vote by rank of the model's own certainty (Borda).

    Args:
        generator: where solutions come from; it must tell its self-certainty.
        n: solutions to sample.
        power: 0 is the plain vote, a high one trusts the most certain solution alone; it should grow with n.
    """
    require(n >= 1, "self_certainty needs at least one sample.", n=n)
    require(power >= 0, "self_certainty needs power >= 0: a negative one prefers the least certain.", power=power)
    require_signal("self_certainty", generator, "self_certainty")
    require_standalone("self_certainty", "it votes by the certainty of samples, which pilots were not asked for.")
    graph = search_graph("self_certainty", n=n)
    sampling = generate(generator, n=n, shape=_certain, own_score=lambda sample: sample.self_certainty)
    graph.add_node("generate", sampling)
    graph.add_node("answer", answer(borda(power)))
    graph.add_edge("question", "generate")
    graph.add_edge("generate", "answer")
    graph.add_edge("answer", END)
    return graph


def _certain(tree: Tree, planned: PlannedCall[SampleRequest]) -> SampleRequest:
    return planned.request.model_copy(update={"self_certainty": True})
