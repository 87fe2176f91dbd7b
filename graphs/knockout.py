"""knockout: sample many solutions and let a judge compare them in pairs until one is left.

1. Generate n solutions. 2. Compare in pairs, the better of each goes on, until one is left. 3. Answer with it.
Cost: n generations and at most n - 1 comparisons of two, in log2(n) rounds.
When: as tournament, where comparisons are dear; one unlucky comparison can lose the best solution.
"""

from its_graph.contracts import Generator, Judge, Verifier
from its_graph.graphs.build import SearchGraph
from its_graph.graphs.comparison_search import comparison_search
from its_graph.nodes.rules import tournament

__all__ = ["create_knockout"]


def create_knockout(generator: Generator, verifier: Judge | Verifier, *, n: int = 8) -> SearchGraph:
    """Sample n solutions and let a judge knock them out in pairs.

    Args:
        generator: where solutions come from.
        verifier: a judge of pairs; a verifier compares by the scores that it gives each solution alone.
        n: solutions to sample.
    """
    return comparison_search("knockout", generator, verifier, tournament.knockout(), n=n)
