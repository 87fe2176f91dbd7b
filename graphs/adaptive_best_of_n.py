"""adaptive_best_of_n: sample and verify until one more sample is not worth its price (BEACON, Wan et al. 2510.15945).

    question -> generate -> verify -> select
    select -(more)-> generate
    select -(enough)-> answer

1. Generate a wave of solutions. 2. Verify each. 3. Stop if the expected gain of one more sample, given what the scores
so far say about the model on this question, is below its price; else generate the next wave. 4. Answer with the winner
as in best_of_n.
Cost: at most n (generate + verify); less the sooner the best score comes near 1.
When: best_of_n works, and questions differ in how many samples they need. It saves samples; it does not find what
best_of_n with all n would miss. The rule trusts the verifier: one that scores a mistake near 1 ends the search on it,
and one that never comes near 1 calls for a lower price. It considers the best score and not the vote, so it may stop
before votes add up: with a weak verifier use best_of_n.
"""

from langgraph.graph import END

from its_graph.contracts import Generator, Verifier
from its_graph.graphs.build import SearchGraph, recursion_guard, require, require_at_least_one, search_graph
from its_graph.graphs.subsearch import reuse_pilots
from its_graph.nodes.answer import answer
from its_graph.nodes.generate import generate
from its_graph.nodes.rules.choice import weighted
from its_graph.nodes.rules.expected_gain import expected_gain_below
from its_graph.nodes.rules.frontier import keep_none
from its_graph.nodes.rules.stopping import all_sampled
from its_graph.nodes.rules.types import ChoiceRule
from its_graph.nodes.select import next_or_stop, select
from its_graph.nodes.verify import verify

__all__ = ["create_adaptive_best_of_n"]


def create_adaptive_best_of_n(
    generator: Generator,
    verifier: Verifier,
    *,
    n: int = 16,
    wave: int = 4,
    price: float = 0.05,
    choose: ChoiceRule | None = None,
) -> SearchGraph:
    """Sample and verify in waves, stop once another sample is expected to gain less than its price.

    BEACON (Wan et al. 2510.15945). Cost: at most n (generate + verify). When: best_of_n works, and questions differ in
    how many samples they need.

    Args:
        generator: source of the solutions.
        verifier: process or outcome reward model; unbounded scores are mapped through a sigmoid.
        n: maximum number of solutions; >= 1.
        wave: solutions per wave; >= 1.
        price: price of a sample, in units of score, >= 0: the search stops when one more sample is expected to raise
            the best score by less. 0 draws all n.
        choose: choice rule; `weighted` by default.

    Raises:
        ConfigurationError: if an option is out of range.

    >>> from its_graph import SearchContext
    >>> from its_graph.graphs import create_adaptive_best_of_n
    >>> from its_graph.testing import ToyGenerator, ToyVerifier
    >>> graph = create_adaptive_best_of_n(ToyGenerator(), ToyVerifier(), n=16, price=0.05).compile()
    >>> result = graph.invoke({"problem": "Add 3, 5, 4."}, context=SearchContext(seed=7))["result"]
    >>> result["answer"], len(result["candidates"])
    ('12', 4)
    """
    require_at_least_one("adaptive_best_of_n", n=n, wave=wave)
    require(price >= 0, "adaptive_best_of_n needs price >= 0", price=price)
    graph = search_graph("adaptive_best_of_n", n=n, start=reuse_pilots)
    stop = (all_sampled(n), expected_gain_below(price, verifier.score_range), recursion_guard(graph))
    graph.add_node("generate", generate(generator, n=n, wave=wave, verifier=verifier))
    graph.add_node("verify", verify(verifier))
    graph.add_node("select", select(keep_none, *stop))
    graph.add_node("answer", answer(choose or weighted(verifier.score_range)))
    graph.add_edge("question", "generate")
    graph.add_edge("generate", "verify")
    graph.add_edge("verify", "select")
    graph.add_conditional_edges("select", next_or_stop, {"more": "generate", "enough": "answer"})
    graph.add_edge("answer", END)
    return graph
