"""deepconf_online: end samples during generation once the model loses confidence (Fu et al. 2508.15260).

    question -> warm_up -> select
    select -(more)-> generate -> select
    select -(enough)-> answer

1. Warm up: generate `warmup` whole solutions; the lowest group confidence that the best share `keep` of them reached
becomes the threshold. 2. Stop if the confident samples agree, else generate the next wave: a sample whose confidence
falls below the threshold is ended at once. 3. Answer with the vote of the samples above it, weighted by their lowest
group.
Cost: at most n generations, the ended ones shorter; no verifier.
When: samples are long, generation dominates the cost, and a loss of confidence predicts a mistake. A sample shorter
than `window` is never ended: set the window well below the usual length. With few samples the warm-up is most of the
work. If confidence carries little information, it saves only by stopping at agreement, as self_consistency does with a
stop rule.
"""

from langgraph.graph import END

from its_graph.confidence import lowest_group
from its_graph.contracts import Generator
from its_graph.graphs.build import (
    SearchGraph,
    recursion_guard,
    require,
    require_at_least_one,
    require_signal,
    search_graph,
)
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
from its_graph.nodes.rules.stopping import all_sampled
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

    DeepConf, online (Fu et al. 2508.15260). Cost: at most n generations, the ended ones shorter. When: samples are
    long, and a loss of confidence predicts a mistake.

    Args:
        generator: source of the solutions; must return token confidences, and end a sample by them.
        n: maximum number of solutions; >= 1.
        warmup: solutions sampled first, whole, to find the threshold, >= 1; 16 in the paper. At most n are used.
        wave: solutions per later wave; >= 1.
        keep: share of the warm-up that reaches the threshold, in (0, 1]: .9 ends few samples, .1 nine of ten. It is
            `confidence_percentile` / 100 of the authors' code.
        window: tokens in a group, >= 1; by default 1/16 of the generator's longest solution, at most the paper's 2,048.
        share: stop once the leading answer has this share of the vote; above 1 all n are sampled.

    Raises:
        ConfigurationError: if an option is out of range, or the generator does not return token confidences.

    >>> from its_graph import SearchContext
    >>> from its_graph.graphs import create_deepconf_online
    >>> from its_graph.testing import ToyGenerator
    >>> graph = create_deepconf_online(ToyGenerator(), n=16, warmup=4, wave=4).compile()
    >>> result = graph.invoke({"problem": "Add 3, 5, 4."}, context=SearchContext(seed=7))["result"]
    >>> result["answer"], len(result["candidates"])
    ('12', 4)
    """
    require_at_least_one("deepconf_online", n=n, warmup=warmup, wave=wave)
    require(0 < keep <= 1, "deepconf_online needs 0 < keep <= 1", keep=keep)
    require(window is None or window >= 1, "deepconf_online needs window >= 1", window=window)
    require_signal("deepconf_online", generator, "token_confidences")
    require_standalone("deepconf_online", "it votes by token confidences, which pilots do not request.")
    warmup = min(warmup, n)
    size = window or group_window(generator)
    threshold, own_score = threshold_from_warmup(warmup, keep), own_confidence(lowest_group(size))
    vote = confident_vote(threshold)
    whole, ended_early = request_confidences(), request_confidences(threshold, size)
    graph = search_graph("deepconf_online", n=n)
    graph.add_node("warm_up", generate(generator, n=warmup, transform=whole, own_score=own_score))
    graph.add_node("select", select(keep_none, consensus(vote, share), all_sampled(n), recursion_guard(graph)))
    graph.add_node("generate", generate(generator, n=n, wave=wave, transform=ended_early, own_score=own_score))
    graph.add_node("answer", answer(vote))
    graph.add_edge("question", "warm_up")
    graph.add_edge("warm_up", "select")
    graph.add_conditional_edges("select", next_or_stop, {"more": "generate", "enough": "answer"})
    graph.add_edge("generate", "select")
    graph.add_edge("answer", END)
    return graph
