"""single: one answer, greedy or sampled. The baseline of every table.

    question -> generate -> answer

1. Generate one solution. 2. Answer with it.
Cost: one generation.
When: always measure it first; on problems that it mostly solves nothing else is worth the cost.
"""

from langgraph.graph import END

from its_graph.contracts import Generator
from its_graph.graphs.build import SearchGraph, search_graph
from its_graph.graphs.subsearch import reuse_pilots
from its_graph.nodes.answer import answer
from its_graph.nodes.generate import generate
from its_graph.nodes.rules.choice import majority

__all__ = ["create_single"]


def create_single(generator: Generator, *, temperature: float | None = None) -> SearchGraph:
    """One answer, no search: the baseline.

    Cost: one generation. When: as the reference for any other strategy.

    Args:
        generator: source of the answer.
        temperature: sampling temperature, >= 0; 0 is greedy, None uses the run's temperature.

    >>> from its_graph import SearchContext
    >>> from its_graph.graphs import create_single
    >>> from its_graph.testing import ToyGenerator
    >>> graph = create_single(ToyGenerator()).compile()
    >>> graph.invoke({"problem": "Add 3, 5, 4."}, context=SearchContext(seed=7))["answer"]
    '12'
    """
    graph = search_graph("single", start=reuse_pilots)
    graph.add_node("generate", generate(generator, n=1, temperature=temperature))
    graph.add_node("answer", answer(majority))
    graph.add_edge("question", "generate")
    graph.add_edge("generate", "answer")
    graph.add_edge("answer", END)
    return graph
