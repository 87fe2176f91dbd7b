"""gen_select: sample many solutions, show them all to a judge at once, take the one that it names (GenSelect).

    question -> generate -> compare
    compare -(more)-> compare
    compare -(enough)-> answer

1. Generate n solutions. 2. Show the distinct ones to the judge, in a random order; ask again if its reply names none.
3. Answer with the one that it names, or by the vote.
Cost: n generations and one comparison of all, two at most.
When: a reasoning model judges, and n solutions fit into its context. Its input grows with n times their length.
"""

from its_graph.contracts import Generator, Judge, Verifier
from its_graph.graphs.build import SearchGraph
from its_graph.graphs.comparison_search import comparison_search
from its_graph.nodes.rules.tournament import select_one

__all__ = ["create_gen_select"]


def create_gen_select(generator: Generator, verifier: Judge | Verifier, *, n: int = 8) -> SearchGraph:
    """Sample n solutions and let a judge who sees them all name the best.

    GenSelect. Cost: n generations and one or two comparisons of all. When: a reasoning model judges, and n solutions
    fit into its context.

    Args:
        generator: source of the solutions.
        verifier: judge; a verifier compares by the score that it gives each solution alone.
        n: solutions to sample; >= 1.

    Raises:
        ConfigurationError: if n < 1.

    >>> from its_graph import SearchContext
    >>> from its_graph.graphs import create_gen_select
    >>> from its_graph.testing import ToyGenerator, ToyVerifier
    >>> graph = create_gen_select(ToyGenerator(), ToyVerifier(), n=4).compile()
    >>> graph.invoke({"problem": "Add 3, 5, 4."}, context=SearchContext(seed=7))["answer"]
    '12'
    """
    return comparison_search("gen_select", generator, verifier, select_one(), n=n)
