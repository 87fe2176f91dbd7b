"""tournament: sample many solutions and let a judge compare them in pairs (LLM-as-a-verifier, 2607.05391).

1. Generate n solutions. 2. Compare neighbours on a random ring. 3. Compare everyone with the few best liked. 4. Answer
with the highest mean preference.
Cost: n generations and n + k(n-k) + k(k-1)/2 comparisons of two, k = pivots.
When: a strong judge is better at comparing than at scoring, as with agents and open questions. With a verifier that
scores each solution alone it finds what best_of_n finds, for more.
"""

from its_graph.contracts import Generator, Judge, Verifier
from its_graph.graphs.build import SearchGraph, require
from its_graph.graphs.comparison_search import comparison_search
from its_graph.nodes.rules.tournament import pivot_tournament

__all__ = ["create_tournament"]


def create_tournament(generator: Generator, verifier: Judge | Verifier, *, n: int = 8, pivots: int = 2) -> SearchGraph:
    """Sample n solutions and let a judge compare them in pairs, along a ring and then with the best.

    Args:
        generator: where solutions come from.
        verifier: a judge of pairs; a verifier compares by the scores that it gives each solution alone.
        n: solutions to sample.
        pivots: solutions that all others are compared with.
    """
    require(pivots >= 1, "tournament needs at least one pivot.", pivots=pivots)
    return comparison_search("tournament", generator, verifier, pivot_tournament(pivots), n=n)
