"""self_consistency: sample many solutions and let their answers vote (Wang et al. 2203.11171).

1. Generate a wave of solutions. 2. Stop if a rule has seen enough, else generate the next wave. 3. Answer with the most
frequent answer; equal by meaning counts as equal (0.5 = 1/2).
Cost: at most n generations, no verifier.
When: answers can be compared and no verifier is at hand. It amplifies the most frequent answer, right or wrong.
"""

from langgraph.graph import END

from its_graph.contracts import Generator
from its_graph.graphs.build import SearchGraph, require, search_graph
from its_graph.graphs.subsearch import reuse_pilots
from its_graph.nodes.answer import answer
from its_graph.nodes.generate import generate
from its_graph.nodes.rules.choice import majority
from its_graph.nodes.rules.frontier import keep_none
from its_graph.nodes.rules.stopping import all_sampled, out_of_steps
from its_graph.nodes.rules.types import ChoiceRule, StopRule
from its_graph.nodes.select import next_or_stop, select

__all__ = ["create_self_consistency"]


def create_self_consistency(
    generator: Generator,
    *,
    n: int = 16,
    wave: int | None = None,
    stop: StopRule | None = None,
    choose: ChoiceRule = majority,
) -> SearchGraph:
    """Sample n solutions and take the most frequent answer, optionally in waves that stop early.

    Args:
        generator: where solutions come from.
        n: solutions to sample at most.
        wave: solutions per wave; by default all n at once, or 4 with a stop rule.
        stop: when to stop early: `adaptive_consistency`, `unanimous_window` (ESC; use it with `window_vote` and its
            window as `wave`) or `e_value` of `its_graph.nodes.rules.stopping`; each says what it guarantees.
        choose: how the winner is found.
    """
    size = wave or (n if stop is None else 4)
    require(
        n >= 1 and size >= 1, "self_consistency needs at least one sample and a wave of at least one.", n=n, wave=wave
    )
    graph = search_graph("self_consistency", n=n, entry=reuse_pilots)
    graph.add_node("generate", generate(generator, n=n, wave=size))
    graph.add_node("select", select(keep_none, *filter(None, [stop]), all_sampled(n), out_of_steps(3)))
    graph.add_node("answer", answer(choose))
    graph.add_edge("question", "generate")
    graph.add_edge("generate", "select")
    graph.add_conditional_edges("select", next_or_stop, {"more": "generate", "enough": "answer"})
    graph.add_edge("answer", END)
    return graph
