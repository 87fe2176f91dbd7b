"""deepconf: let the traces that the model itself was sure of vote (DeepConf offline, Fu et al. 2508.15260).

1. Generate n solutions; each scores itself by the confidence of its tokens. 2. Keep the best-scored share `keep` of
them. 3. Answer with the vote of those that are kept, weighted by score.
Cost: n generations, no verifier.
When: no verifier is at hand, traces are long, and the model's confidence tells right from wrong; `score` says where to
look in a trace. Where confidence says little it is a plain vote with fewer voters (with the embedded models it is no
better than self_consistency): measure both on your own model first.
"""

from langgraph.graph import END

from its_graph.confidence import TraceScore, bottom_groups
from its_graph.contracts import Generator
from its_graph.graphs.build import SearchGraph, require, require_signal, search_graph
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

    Args:
        generator: where solutions come from; it must tell token confidences.
        n: solutions to sample.
        keep: the share of the voters that keeps its vote: .9 drops the worst tenth, .1 trusts the best tenth only
            (the paper's eta, and both of its settings).
        window: tokens in a group of the default score; a shorter solution is one group. By default a sixteenth of the
            generator's longest solution, at most the paper's 2,048.
        score: a trace's confidence, by default the mean of its lowest tenth of groups: `tail`, `lowest_group`,
            `bottom_groups` or `mean_confidence` of `its_graph.confidence`.
    """
    require(n >= 1, "deepconf needs at least one sample.", n=n)
    require(0 < keep <= 1, "deepconf keeps a share of its samples: 0 < keep <= 1.", keep=keep)
    require(window is None or window >= 1, "deepconf needs a window of at least one token.", window=window)
    require_signal("deepconf", generator, "token_confidences")
    require_standalone("deepconf", "it votes by the confidence of samples, which pilots were not asked for.")
    scoring = own_confidence(score or bottom_groups(window or group_window(generator)))
    graph = search_graph("deepconf", n=n)
    graph.add_node("generate", generate(generator, n=n, shape=request_confidences(), own_score=scoring))
    graph.add_node("answer", answer(confident_vote(threshold_from_voters(keep))))
    graph.add_edge("question", "generate")
    graph.add_edge("generate", "answer")
    graph.add_edge("answer", END)
    return graph
