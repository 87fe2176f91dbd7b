"""tournament: sample many solutions and let a judge compare them in pairs (LLM-as-a-verifier, 2607.05391).

    question -> generate -> compare
    compare -(more)-> compare
    compare -(enough)-> answer

1. Generate n solutions. 2. Compare neighbors on a random ring. 3. Compare all with the few that are preferred most.
4. Answer with the highest mean preference.
Cost: n generations and n + k(n-k) + k(k-1)/2 comparisons of two, k = pivots.
When: a strong judge is better at comparing than at scoring, as with agents and open questions. With a verifier that
scores each solution alone it finds what best_of_n finds, at a higher cost.
"""

from its_graph.contracts import Generator, Judge, Verifier
from its_graph.graphs.build import SearchGraph, require_at_least_one
from its_graph.graphs.comparison_search import comparison_search
from its_graph.nodes.rules.tournament import pivot_tournament

__all__ = ["create_tournament"]


def create_tournament(generator: Generator, verifier: Judge | Verifier, *, n: int = 8, pivots: int = 2) -> SearchGraph:
    """Sample n solutions and let a judge compare them in pairs, along a ring and then with the best.

    LLM-as-a-verifier (2607.05391). Cost: n generations and n + k(n-k) + k(k-1)/2 comparisons of two, k = pivots. When:
    a strong judge is better at comparing than at scoring.

    Args:
        generator: source of the solutions.
        verifier: judge of pairs; a verifier compares by the score that it gives each solution alone.
        n: solutions to sample; >= 1.
        pivots: solutions that all others are compared with; >= 1.

    Raises:
        ConfigurationError: if `n` or `pivots` is below 1.

    >>> from its_graph import SearchContext
    >>> from its_graph.graphs import create_tournament
    >>> from its_graph.testing import ToyGenerator, ToyVerifier
    >>> graph = create_tournament(ToyGenerator(), ToyVerifier(), n=4).compile()
    >>> graph.invoke({"problem": "Add 3, 5, 4."}, context=SearchContext(seed=7))["answer"]
    '12'
    """
    require_at_least_one("tournament", pivots=pivots)
    return comparison_search("tournament", generator, verifier, pivot_tournament(pivots), n=n)
