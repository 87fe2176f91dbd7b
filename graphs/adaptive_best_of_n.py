"""adaptive_best_of_n: sample and verify until one more sample is not worth its price (BEACON, Wan et al. 2510.15945).

1. Generate a wave of solutions. 2. Verify each. 3. Stop if the expected gain of one more sample, by what the scores so
far say of the model on this question, is below its price; else the next wave. 4. Answer with the winner as in
best_of_n.
Cost: at most n (generate + verify); less the sooner the best score comes near 1.
When: best_of_n pays, and questions differ in how many samples they need. It saves samples, it does not find what
best_of_n with all n would miss. The rule trusts the verifier: one that scores a mistake near 1 ends the search on it,
and under one that never comes near 1 the price wants to be lower. It looks at the best score and not at the vote, so it
may stop before votes add up: with a weak verifier take best_of_n.
"""

from langgraph.graph import END

from its_graph.contracts import Generator, Verifier
from its_graph.graphs.build import SearchGraph, require, search_graph
from its_graph.graphs.subsearch import reuse_pilots
from its_graph.nodes.answer import answer
from its_graph.nodes.generate import generate
from its_graph.nodes.rules.choice import weighted
from its_graph.nodes.rules.expected_gain import expected_gain_below
from its_graph.nodes.rules.frontier import keep_none
from its_graph.nodes.rules.stopping import all_sampled, out_of_steps
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

    Args:
        generator: where solutions come from.
        verifier: a process or outcome reward model; an unbounded score goes through a sigmoid.
        n: solutions to sample at most.
        wave: solutions per wave.
        price: what a sample costs, in units of score: stop when the best score is expected to grow by less with one
            more. 0 draws all n.
        choose: how the winner is found, `weighted` by default.
    """
    require(
        n >= 1 and wave >= 1,
        "adaptive_best_of_n needs at least one sample and a wave of at least one.",
        n=n,
        wave=wave,
    )
    require(price >= 0, "adaptive_best_of_n needs price >= 0: nobody is paid for sampling.", price=price)
    enough = expected_gain_below(price, verifier.score_range)
    graph = search_graph("adaptive_best_of_n", n=n, entry=reuse_pilots)
    graph.add_node("generate", generate(generator, n=n, wave=wave, verifier=verifier, ahead=verifier))
    graph.add_node("verify", verify(verifier))
    graph.add_node("select", select(keep_none, all_sampled(n), enough, out_of_steps(4)))
    graph.add_node("answer", answer(choose or weighted(verifier.score_range)))
    graph.add_edge("question", "generate")
    graph.add_edge("generate", "verify")
    graph.add_edge("verify", "select")
    graph.add_conditional_edges("select", next_or_stop, {"more": "generate", "enough": "answer"})
    graph.add_edge("answer", END)
    return graph
