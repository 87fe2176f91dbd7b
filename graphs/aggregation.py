"""aggregation: recursive self-aggregation, a population that is written anew from itself (RSA, 2509.26626).

1. Generate a population of n solutions. 2. Aggregate: each member of the next population is written with k different
random members of this one in view. Repeat for `rounds` rounds. 3. Answer by the vote of the last population.
`rounds = 0` is self_consistency; `k = 1` is self-refinement of many at once.
Cost: n + n x rounds generations, no verifier; an aggregation reads k solutions.
When: for a model that can compare solutions, where the right one, or parts of it, is often in the population but seldom
the majority: reported for 4B reasoning models on competition mathematics. It costs rounds + 1 times what
self_consistency does: compare both at equal cost. A model that reads only the last question (the embedded one) answers
afresh, and then only the vote of the last n samples counts.
"""

from langgraph.graph import END

from its_graph.contracts import Generator
from its_graph.graphs.build import SearchGraph, require, search_graph
from its_graph.nodes import prompts
from its_graph.nodes.answer import answer
from its_graph.nodes.generate import generate
from its_graph.nodes.revision.population import population, random_members
from its_graph.nodes.rewrite import rewrite
from its_graph.nodes.rules.choice import majority
from its_graph.nodes.rules.stopping import all_sampled, out_of_steps
from its_graph.nodes.rules.subset_choice import first_vote, subset_choice
from its_graph.nodes.rules.types import ChoiceRule, RewritePrompt
from its_graph.nodes.select import next_or_stop, select

__all__ = ["create_aggregation"]

_VOTE_OF_THE_LAST = first_vote(subset_choice(lambda tree: tree.frontier, majority), majority)


def create_aggregation(
    generator: Generator,
    *,
    n: int = 16,
    k: int = 4,
    rounds: int = 3,
    prompt: RewritePrompt = prompts.aggregate,
    choose: ChoiceRule = _VOTE_OF_THE_LAST,
) -> SearchGraph:
    """Write populations of solutions anew from random groups of the last one, then vote (RSA).

    Args:
        generator: where solutions come from.
        n: members of a population.
        k: different members that each new one is written from (all of them where n is smaller).
        rounds: populations after the first.
        prompt: how to ask for a new member, given the texts of k others.
        choose: how the winner is found: the vote of the last population by default (of all, where nobody in it has an
            answer); `any_member` of `its_graph.nodes.revision.population` where answers cannot be counted.
    """
    require(n >= 1, "aggregation needs a population of at least one.", n=n)
    require(k >= 1, "aggregation writes each member from at least one other.", k=k)
    require(rounds >= 0, "aggregation needs rounds >= 0.", rounds=rounds)
    graph = search_graph("aggregation", n=n)
    graph.add_node("generate", generate(generator, n=n))
    graph.add_node("select", select(population(n), all_sampled(n + n * rounds), out_of_steps(3)))
    graph.add_node("aggregate", rewrite("aggregate", generator, random_members(n, k), prompt))
    graph.add_node("answer", answer(choose))
    graph.add_edge("question", "generate")
    graph.add_edge("generate", "select")
    graph.add_conditional_edges("select", next_or_stop, {"more": "aggregate", "enough": "answer"})
    graph.add_edge("aggregate", "select")
    graph.add_edge("answer", END)
    return graph
