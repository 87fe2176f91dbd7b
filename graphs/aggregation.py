"""aggregation: recursive self-aggregation, a population that is rewritten from itself (RSA, 2509.26626).

    question -> generate -> select
    select -(more)-> aggregate -> select
    select -(enough)-> answer

1. Generate a population of n solutions. 2. Aggregate: each member of the next population is written with k different
random members of this one in view. Repeat for `rounds` rounds. 3. Answer by the vote of the last population.
`rounds = 0` is self_consistency; `k = 1` is self-refinement of many at once.
Cost: n + n x rounds generations, no verifier; an aggregation reads k solutions.
When: the model can compare solutions, and the right one, or parts of it, is often in the population but seldom the
majority: reported for 4B reasoning models on competition mathematics. It costs rounds + 1 times as much as
self_consistency: compare both at equal cost. A model that reads only the last question (the embedded one) answers from
scratch, and then only the vote of the last n samples counts.
"""

from langgraph.graph import END

from its_graph.contracts import Generator
from its_graph.graphs.build import SearchGraph, recursion_guard, require, require_at_least_one, search_graph
from its_graph.nodes import prompts
from its_graph.nodes.answer import answer
from its_graph.nodes.generate import generate
from its_graph.nodes.revision.population import population, random_members
from its_graph.nodes.rewrite import rewrite
from its_graph.nodes.rules.choice import majority
from its_graph.nodes.rules.stopping import all_sampled
from its_graph.nodes.rules.subset_choice import first_vote, subset_choice
from its_graph.nodes.rules.types import ChoiceRule, RewritePrompt
from its_graph.nodes.select import next_or_stop, select

__all__ = ["create_aggregation"]

_LAST_POPULATION_VOTE = first_vote(subset_choice(lambda tree: tree.frontier, majority), majority)


def create_aggregation(
    generator: Generator,
    *,
    n: int = 16,
    k: int = 4,
    rounds: int = 3,
    prompt: RewritePrompt = prompts.aggregate,
    choose: ChoiceRule = _LAST_POPULATION_VOTE,
) -> SearchGraph:
    """Rewrite populations of solutions from random groups of the previous one, then vote (RSA).

    Recursive self-aggregation (2509.26626). Cost: n + n x rounds generations. When: the model can compare solutions,
    and the right one is often in the population but seldom the majority.

    Args:
        generator: source of the solutions.
        n: members of a population; >= 1.
        k: different members that each new one is written from, >= 1 (all of them if n is smaller).
        rounds: populations after the first; >= 0.
        prompt: how to ask for a new member, given the texts of k others.
        choose: choice rule: by default the vote of the last population (of all samples, if no member of it has an
            answer); `random_member` of `its_graph.nodes.revision.population` if answers cannot be counted.

    Raises:
        ConfigurationError: if an option is out of range.

    >>> from its_graph import SearchContext
    >>> from its_graph.graphs import create_aggregation
    >>> from its_graph.testing import ToyGenerator
    >>> graph = create_aggregation(ToyGenerator(), n=4, k=2, rounds=2).compile()
    >>> result = graph.invoke({"problem": "Add 3, 5, 4."}, context=SearchContext(seed=7))["result"]
    >>> result["answer"], len(result["candidates"])
    ('12', 12)
    """
    require_at_least_one("aggregation", n=n, k=k)
    require(rounds >= 0, "aggregation needs rounds >= 0", rounds=rounds)
    graph = search_graph("aggregation", n=n)
    graph.add_node("generate", generate(generator, n=n))
    graph.add_node("select", select(population(n), all_sampled(n + n * rounds), recursion_guard(graph)))
    graph.add_node("aggregate", rewrite("aggregate", generator, random_members(n, k), prompt))
    graph.add_node("answer", answer(choose))
    graph.add_edge("question", "generate")
    graph.add_edge("generate", "select")
    graph.add_conditional_edges("select", next_or_stop, {"more": "aggregate", "enough": "answer"})
    graph.add_edge("aggregate", "select")
    graph.add_edge("answer", END)
    return graph
