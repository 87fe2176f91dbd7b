"""best_of_n: sample many solutions, let a verifier score them, choose.

    question -> generate -> verify -> answer

1. Generate n solutions, independently. 2. Verify each. 3. Answer with the winner: by default equal answers add up
their scores (weighted best-of-N), which beats the single highest score wherever the verifier errs.
Cost: n (generate + verify).
When: there is a verifier, and a single answer is right only some of the time; above n = 64 gains are small, and the
plain argmax of a weak verifier gets worse with n.
"""

from langgraph.graph import END

from its_graph.contracts import Generator, Verifier
from its_graph.graphs.build import SearchGraph, require_at_least_one, search_graph
from its_graph.graphs.subsearch import reuse_pilots
from its_graph.nodes.answer import answer
from its_graph.nodes.generate import generate
from its_graph.nodes.rules.choice import weighted
from its_graph.nodes.rules.types import ChoiceRule
from its_graph.nodes.verify import verify

__all__ = ["create_best_of_n"]


def create_best_of_n(
    generator: Generator, verifier: Verifier, *, n: int = 16, choose: ChoiceRule | None = None
) -> SearchGraph:
    """Sample n solutions and choose by the verifier's scores (weighted by default).

    Weighted best-of-N (Math-Shepherd, 2312.08935; Snell et al. 2408.03314). Cost: n (generate + verify). When: there is
    a verifier, and a single answer is right only some of the time.

    Args:
        generator: source of the solutions.
        verifier: process or outcome reward model.
        n: solutions to sample; >= 1.
        choose: choice rule: `weighted` (default), `argmax`, `pessimistic` or `majority` of
            `its_graph.nodes.rules.choice`, or your own.

    Raises:
        ConfigurationError: if n < 1.

    >>> from its_graph import SearchContext
    >>> from its_graph.graphs import create_best_of_n
    >>> from its_graph.testing import ToyGenerator, ToyVerifier
    >>> graph = create_best_of_n(ToyGenerator(), ToyVerifier(), n=8).compile()
    >>> graph.invoke({"problem": "Add 3, 5, 4."}, context=SearchContext(seed=7))["answer"]
    '12'
    """
    require_at_least_one("best_of_n", n=n)
    graph = search_graph("best_of_n", n=n, start=reuse_pilots)
    graph.add_node("generate", generate(generator, n=n, verifier=verifier))
    graph.add_node("verify", verify(verifier))
    graph.add_node("answer", answer(choose or weighted(verifier.score_range)))
    graph.add_edge("question", "generate")
    graph.add_edge("generate", "verify")
    graph.add_edge("verify", "answer")
    graph.add_edge("answer", END)
    return graph
