"""The loop that selection by comparison shares: sample, compare in rounds, answer. Methods differ in their rounds.

    question -> generate -> compare
    compare -(more)-> compare
    compare -(enough)-> answer

Tournament, knockout and GenSelect are this graph with different comparison methods.
"""

from typing import Literal

from langgraph.graph import END

from its_graph.contracts import Generator, Judge, Verifier
from its_graph.graphs.build import SearchGraph, recursion_guard, require_at_least_one, search_graph
from its_graph.graphs.subsearch import reuse_pilots
from its_graph.nodes.answer import answer
from its_graph.nodes.compare import compare_candidates
from its_graph.nodes.generate import generate
from its_graph.nodes.rules.tournament import ComparisonMethod, contestants
from its_graph.nodes.verifier_judge import as_judge
from its_graph.search.state import SearchState
from its_graph.search.tree import Tree

__all__ = ["comparison_search"]


def comparison_search(
    strategy: str, generator: Generator, judge: Judge | Verifier, method: ComparisonMethod, *, n: int
) -> SearchGraph:
    """Return the graph of a selection by comparison.

    Args:
        strategy: name of the strategy, as results report it.
        generator: source of the solutions.
        judge: compares solutions; a verifier compares by the score that it gives each solution alone.
        method: what to compare in each round, and how to choose the winner.
        n: solutions to sample; >= 1.

    Raises:
        ConfigurationError: if n < 1.
    """
    require_at_least_one(strategy, n=n)
    graph = search_graph(strategy, n=n, start=reuse_pilots)
    out_of_steps = recursion_guard(graph, "compare", spare=1)

    def next_round_or_stop(state: SearchState) -> Literal["more", "enough"]:
        tree = Tree.of(state)
        undecided = len(contestants(tree)) > 1 and bool(method.rounds(tree))
        return "more" if undecided and tree.stop_reason is None and out_of_steps(tree) is None else "enough"

    graph.add_node("generate", generate(generator, n=n))
    graph.add_node("compare", compare_candidates(as_judge(judge), method.rounds))
    graph.add_node("answer", answer(method.choose))
    graph.add_edge("question", "generate")
    graph.add_edge("generate", "compare")
    graph.add_conditional_edges("compare", next_round_or_stop, {"more": "compare", "enough": "answer"})
    graph.add_edge("answer", END)
    return graph
