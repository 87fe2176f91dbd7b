"""knockout: sample many solutions and let a judge compare them in pairs until one is left.

    question -> generate -> compare
    compare -(more)-> compare
    compare -(enough)-> answer

1. Generate n solutions. 2. Compare in pairs; the winner of each pair advances, until one is left. 3. Answer with it.
Cost: n generations and at most n - 1 comparisons of two, in log2(n) rounds.
When: as tournament, if comparisons are expensive; one unlucky comparison can eliminate the best solution.
"""

from its_graph.contracts import Generator, Judge, Verifier
from its_graph.graphs.build import SearchGraph
from its_graph.graphs.comparison_search import comparison_search
from its_graph.nodes.rules.tournament import knockout

__all__ = ["create_knockout"]


def create_knockout(generator: Generator, verifier: Judge | Verifier, *, n: int = 8) -> SearchGraph:
    """Sample n solutions and let a judge eliminate them in pairs.

    Cost: n generations and at most n - 1 comparisons of two. When: as tournament, if comparisons are expensive.

    Args:
        generator: source of the solutions.
        verifier: judge of pairs; a verifier compares by the score that it gives each solution alone.
        n: solutions to sample; >= 1.

    Raises:
        ConfigurationError: if n < 1.

    >>> from its_graph import SearchContext
    >>> from its_graph.graphs import create_knockout
    >>> from its_graph.testing import ToyGenerator, ToyVerifier
    >>> graph = create_knockout(ToyGenerator(), ToyVerifier(), n=4).compile()
    >>> graph.invoke({"problem": "Add 3, 5, 4."}, context=SearchContext(seed=7))["answer"]
    '12'
    """
    return comparison_search("knockout", generator, verifier, knockout(), n=n)
