"""gen_select: sample many solutions, show them all to a judge at once, take the one that it names (GenSelect).

1. Generate n solutions. 2. Show the different ones to the judge, in a random order; ask once more where its reply names
none. 3. Answer with the one it names, or by the vote.
Cost: n generations and one comparison of all, two at most.
When: a reasoning model judges, and n solutions fit into its context. Its reading grows with n times their length.
"""

from its_graph.contracts import Generator, Judge, Verifier
from its_graph.graphs.build import SearchGraph
from its_graph.graphs.comparison_search import comparison_search
from its_graph.nodes.rules.tournament import select_one

__all__ = ["create_gen_select"]


def create_gen_select(generator: Generator, verifier: Judge | Verifier, *, n: int = 8) -> SearchGraph:
    """Sample n solutions and let a judge who sees them all name the best.

    Args:
        generator: where solutions come from.
        verifier: a judge; a verifier compares by the scores that it gives each solution alone.
        n: solutions to sample.
    """
    return comparison_search("gen_select", generator, verifier, select_one(), n=n)
