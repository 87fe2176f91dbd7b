"""The graph that selection by comparison shares: sample, compare in rounds, answer. Contests differ in their rounds."""

from typing import Literal

from langgraph.graph import END

from its_graph.contracts import Generator, Judge, Verifier
from its_graph.graphs.build import SearchGraph, require, search_graph
from its_graph.graphs.subsearch import reuse_pilots
from its_graph.nodes.answer import answer
from its_graph.nodes.compare import compare_candidates
from its_graph.nodes.rules.tournament import contestants
from its_graph.nodes.generate import generate
from its_graph.nodes.rules.stopping import out_of_steps
from its_graph.nodes.rules.tournament import ComparisonMethod
from its_graph.nodes.verifier_judge import as_judge
from its_graph.search.state import SearchState
from its_graph.search.tree import Tree

__all__ = ["comparison_search"]

_ROUND = 3
"""Supersteps of a round and of the way to the answer."""


def comparison_search(
    strategy: str, generator: Generator, judge: Judge | Verifier, contest: ComparisonMethod, *, n: int
) -> SearchGraph:
    """Return the graph of a selection by comparison.

    Args:
        strategy: its name, as it stands in results.
        generator: where solutions come from.
        judge: who compares; a verifier compares by the scores that it gives each solution alone.
        contest: what is compared with what, and who has won.
        n: solutions to sample.
    """
    require(n >= 1, f"{strategy} needs at least one sample.", n=n)
    enough = out_of_steps(_ROUND)

    def go_on(state: SearchState) -> Literal["more", "enough"]:
        tree = Tree.of(state)
        undecided = len(contestants(tree)) > 1 and bool(contest.rounds(tree))
        return "more" if undecided and tree.stop_reason is None and enough(tree) is None else "enough"

    graph = search_graph(strategy, n=n, entry=reuse_pilots)
    graph.add_node("generate", generate(generator, n=n))
    graph.add_node("compare", compare_candidates(as_judge(judge), contest.rounds))
    graph.add_node("answer", answer(contest.choose))
    graph.add_edge("question", "generate")
    graph.add_edge("generate", "compare")
    graph.add_conditional_edges("compare", go_on, {"more": "compare", "enough": "answer"})
    graph.add_edge("answer", END)
    return graph
