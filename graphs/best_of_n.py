"""best_of_n: sample many solutions, let a verifier score them, choose.

1. Generate n solutions, independently. 2. Verify each. 3. Answer with the winner: by default equal answers add up
their scores (weighted best-of-N), which beats the single highest score wherever the verifier errs.
Cost: n (generate + verify).
When: a verifier is at hand and single answers are right now and then; beyond n = 64 gains are small, and the bare
argmax of a weak verifier gets worse with n.
"""

from langgraph.graph import END

from its_graph.contracts import Generator, Verifier
from its_graph.graphs.build import SearchGraph, require, search_graph
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

    Args:
        generator: where solutions come from.
        verifier: a process or outcome reward model.
        n: solutions to sample.
        choose: how the winner is found: `weighted` (default), `argmax`, `pessimistic` or `majority` of
            `its_graph.nodes.rules.choice`, or your own.
    """
    require(n >= 1, "best_of_n needs at least one sample.", n=n)
    graph = search_graph("best_of_n", n=n, entry=reuse_pilots)
    graph.add_node("generate", generate(generator, n=n, verifier=verifier, ahead=verifier))
    graph.add_node("verify", verify(verifier))
    graph.add_node("answer", answer(choose or weighted(verifier.score_range)))
    graph.add_edge("question", "generate")
    graph.add_edge("generate", "verify")
    graph.add_edge("verify", "answer")
    graph.add_edge("answer", END)
    return graph
