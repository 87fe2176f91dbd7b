"""self_certainty: rank solutions by the model's own certainty, and let the ranks vote (2502.18581).

    question -> generate -> answer

1. Generate n solutions; each scores itself by its self-certainty: the mean over its tokens of KL(uniform || p), where p
is the model's distribution over the whole vocabulary. 2. Answer with the Borda vote: the r-th most certain of n has
(n - r + 1)^power votes for its answer.
Cost: n generations, no verifier.
When: a vote should use the model's certainty and there is no verifier. It needs the whole vocabulary, so a local model.
It does not help a model that is certain of its mistakes (with the embedded models it is no better than
self_consistency); a good verifier (best_of_n) is more informative.
"""

from langgraph.graph import END

from its_graph.contracts import Generator, SampleRequest
from its_graph.graphs.build import SearchGraph, require, require_at_least_one, require_signal, search_graph
from its_graph.graphs.subsearch import require_standalone
from its_graph.nodes.answer import answer
from its_graph.nodes.generate import generate
from its_graph.nodes.rules.choice import borda
from its_graph.search.calls import PlannedCall
from its_graph.search.tree import Tree

__all__ = ["create_self_certainty"]


def create_self_certainty(generator: Generator, *, n: int = 16, power: float = 0.5) -> SearchGraph:
    """Sample n solutions and let them vote by rank of the model's own certainty (Borda).

    Kang et al. (2502.18581). Cost: n generations. When: there is no verifier, and the model runs locally.

    Args:
        generator: source of the solutions; must return its self-certainty.
        n: solutions to sample; >= 1.
        power: exponent of the votes, >= 0: 0 is the plain vote, a large value trusts only the most certain solution;
            it should grow with n.

    Raises:
        ConfigurationError: if an option is out of range, or the generator does not return its self-certainty.

    >>> from its_graph import SearchContext
    >>> from its_graph.graphs import create_self_certainty
    >>> from its_graph.testing import ToyGenerator
    >>> graph = create_self_certainty(ToyGenerator(), n=8).compile()
    >>> graph.invoke({"problem": "Add 3, 5, 4."}, context=SearchContext(seed=7))["answer"]
    '12'
    """
    require_at_least_one("self_certainty", n=n)
    require(power >= 0, "self_certainty needs power >= 0", power=power)
    require_signal("self_certainty", generator, "self_certainty")
    require_standalone("self_certainty", "it votes by self-certainty, which pilots do not request.")
    graph = search_graph("self_certainty", n=n)
    sampling = generate(
        generator, n=n, transform=_request_self_certainty, own_score=lambda sample: sample.self_certainty
    )
    graph.add_node("generate", sampling)
    graph.add_node("answer", answer(borda(power)))
    graph.add_edge("question", "generate")
    graph.add_edge("generate", "answer")
    graph.add_edge("answer", END)
    return graph


def _request_self_certainty(tree: Tree, planned: PlannedCall[SampleRequest]) -> SampleRequest:
    return planned.request.model_copy(update={"self_certainty": True})
