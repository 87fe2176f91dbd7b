"""deepconf: let the samples that the model itself was confident in vote (DeepConf offline, Fu et al. 2508.15260).

    question -> generate -> answer

1. Generate n solutions; each scores itself by the confidence of its tokens. 2. Keep the best-scored share `keep` of
them. 3. Answer with the vote of those that are kept, weighted by score.
Cost: n generations, no verifier.
When: there is no verifier, samples are long, and the model's confidence separates right from wrong; `score` selects
which part of a sample counts. If confidence carries little information it is a plain vote with fewer voters (with the
embedded models it is no better than self_consistency): measure both on your own model first.
"""

from langgraph.graph import END

from its_graph.confidence import TraceScore, bottom_groups
from its_graph.contracts import Generator
from its_graph.graphs.build import SearchGraph, require, require_at_least_one, require_signal, search_graph
from its_graph.graphs.subsearch import require_standalone
from its_graph.nodes.answer import answer
from its_graph.nodes.generate import generate
from its_graph.nodes.rules.confidence_vote import (
    confident_vote,
    group_window,
    own_confidence,
    request_confidences,
    threshold_from_voters,
)

__all__ = ["create_deepconf"]


def create_deepconf(
    generator: Generator, *, n: int = 16, keep: float = 0.9, window: int | None = None, score: TraceScore | None = None
) -> SearchGraph:
    """Sample n solutions, drop those the model itself was unsure of, and let the others vote by confidence.

    DeepConf, offline (Fu et al. 2508.15260). Cost: n generations. When: there is no verifier, samples are long, and the
    model's confidence separates right from wrong.

    Args:
        generator: source of the solutions; must return token confidences.
        n: solutions to sample; >= 1.
        keep: share of the voters that keeps its vote, in (0, 1]: .9 drops the worst tenth, .1 trusts only the best
            tenth (the paper's eta, and both of its settings).
        window: tokens in a group of the default score, >= 1; a shorter solution is one group. By default 1/16 of the
            generator's longest solution, at most the paper's 2,048.
        score: confidence of a sample, by default the mean of its lowest tenth of groups: `tail`, `lowest_group`,
            `bottom_groups` or `mean_confidence` of `its_graph.confidence`.

    Raises:
        ConfigurationError: if an option is out of range, or the generator does not return token confidences.

    >>> from its_graph import SearchContext
    >>> from its_graph.graphs import create_deepconf
    >>> from its_graph.testing import ToyGenerator
    >>> graph = create_deepconf(ToyGenerator(), n=8).compile()
    >>> graph.invoke({"problem": "Add 3, 5, 4."}, context=SearchContext(seed=7))["answer"]
    '12'
    """
    require_at_least_one("deepconf", n=n)
    require(0 < keep <= 1, "deepconf needs 0 < keep <= 1", keep=keep)
    require(window is None or window >= 1, "deepconf needs window >= 1", window=window)
    require_signal("deepconf", generator, "token_confidences")
    require_standalone("deepconf", "it votes by token confidences, which pilots do not request.")
    own_score = own_confidence(score or bottom_groups(window or group_window(generator)))
    graph = search_graph("deepconf", n=n)
    graph.add_node("generate", generate(generator, n=n, transform=request_confidences(), own_score=own_score))
    graph.add_node("answer", answer(confident_vote(threshold_from_voters(keep))))
    graph.add_edge("question", "generate")
    graph.add_edge("generate", "answer")
    graph.add_edge("answer", END)
    return graph
