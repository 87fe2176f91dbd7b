"""deepconf_online: end traces while they are written, once the model has lost its confidence (Fu et al. 2508.15260).

1. Warm up: generate `warmup` whole solutions; the lowest group confidence that the best share `keep` of them reached
becomes the threshold. 2. Stop if the confident agree, else generate the next wave: a trace whose confidence falls below
the threshold is ended at once. 3. Answer with the vote of the traces above it, weighted by their lowest group.
Cost: at most n generations, the ended ones shorter; no verifier.
When: traces are long, generation is what costs, and a loss of confidence foretells a mistake. A trace shorter than
`window` is never ended: set the window well below the usual length. With few samples the warm-up is most of the work.
Where confidence says little, what it saves it saves by ending at agreement, as self_consistency does with a stop rule.
"""

from langgraph.graph import END

from its_graph.confidence import lowest_group
from its_graph.contracts import Generator
from its_graph.graphs.build import SearchGraph, require, require_signal, search_graph
from its_graph.graphs.subsearch import require_standalone
from its_graph.nodes.answer import answer
from its_graph.nodes.generate import generate
from its_graph.nodes.rules.confidence_vote import (
    confident_vote,
    consensus,
    group_window,
    own_confidence,
    request_confidences,
    threshold_from_warmup,
)
from its_graph.nodes.rules.frontier import keep_none
from its_graph.nodes.rules.stopping import all_sampled, out_of_steps
from its_graph.nodes.select import next_or_stop, select

__all__ = ["create_deepconf_online"]


def create_deepconf_online(
    generator: Generator,
    *,
    n: int = 64,
    warmup: int = 8,
    wave: int = 8,
    keep: float = 0.9,
    window: int | None = None,
    share: float = 0.95,
) -> SearchGraph:
    """Sample in waves, end a solution as soon as the model loses confidence, stop once the confident agree.

    Args:
        generator: where solutions come from; it must tell token confidences, and end a sample by them.
        n: solutions to sample at most.
        warmup: solutions drawn first, whole, to find the threshold; 16 in the paper. At most n.
        wave: solutions per later wave.
        keep: the share of the warm-up that reaches the threshold: .9 ends few traces, .1 nine of ten. It is
            `confidence_percentile` / 100 of the authors' code.
        window: tokens in a group; by default a sixteenth of the generator's longest solution, at most the paper's
            2,048.
        share: stop once the leading answer has this share of the vote; above 1 all n are drawn.
    """
    warmup = min(warmup, n)
    require(
        warmup >= 1 and wave >= 1,
        "deepconf_online needs at least one sample, a warm-up and waves of at least one.",
        n=n,
        warmup=warmup,
        wave=wave,
    )
    require(0 < keep <= 1, "deepconf_online keeps a share of its samples: 0 < keep <= 1.", keep=keep)
    require(window is None or window >= 1, "deepconf_online needs a window of at least one token.", window=window)
    require_signal("deepconf_online", generator, "token_confidences")
    require_standalone("deepconf_online", "it votes by the confidence of samples, which pilots were not asked for.")
    size = window or group_window(generator)
    threshold, scoring = threshold_from_warmup(warmup, keep), own_confidence(lowest_group(size))
    vote = confident_vote(threshold)
    graph = search_graph("deepconf_online", n=n)
    graph.add_node("warm_up", generate(generator, n=warmup, shape=request_confidences(), own_score=scoring))
    graph.add_node("select", select(keep_none, consensus(vote, share), all_sampled(n), out_of_steps(3)))
    ended = generate(generator, n=n, wave=wave, shape=request_confidences(threshold, size), own_score=scoring)
    graph.add_node("generate", ended)
    graph.add_node("answer", answer(vote))
    graph.add_edge("question", "warm_up")
    graph.add_edge("warm_up", "select")
    graph.add_conditional_edges("select", next_or_stop, {"more": "generate", "enough": "answer"})
    graph.add_edge("generate", "select")
    graph.add_edge("answer", END)
    return graph
