"""self_consistency: sample many solutions and let their answers vote (Wang et al. 2203.11171).

    question -> generate -> select
    select -(more)-> generate
    select -(enough)-> answer

1. Generate a wave of solutions. 2. Stop if a rule has seen enough, else generate the next wave. 3. Answer with the most
frequent answer; equivalent answers count as equal (0.5 = 1/2).
Cost: at most n generations, no verifier.
When: answers can be compared and there is no verifier. It amplifies the most frequent answer, right or wrong.
"""

from langgraph.graph import END

from its_graph.contracts import Generator
from its_graph.graphs.build import SearchGraph, recursion_guard, require_at_least_one, search_graph
from its_graph.graphs.subsearch import reuse_pilots
from its_graph.nodes.answer import answer
from its_graph.nodes.generate import generate
from its_graph.nodes.rules.choice import majority
from its_graph.nodes.rules.frontier import keep_none
from its_graph.nodes.rules.stopping import all_sampled
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

    Self-consistency (Wang et al. 2203.11171). Cost: at most n generations. When: answers can be compared and there is
    no verifier.

    Args:
        generator: source of the solutions.
        n: maximum number of solutions; >= 1.
        wave: solutions per wave, >= 1; by default all n at once, or 4 with a stop rule.
        stop: when to stop early: `adaptive_consistency`, `unanimous_window` (ESC; use it with `window_vote` and its
            window as `wave`) or `e_value` of `its_graph.nodes.rules.stopping`; each states what it guarantees.
        choose: choice rule; `majority` by default.

    Raises:
        ConfigurationError: if `n` or `wave` is below 1.

    >>> from its_graph import SearchContext
    >>> from its_graph.graphs import create_self_consistency
    >>> from its_graph.testing import ToyGenerator
    >>> graph = create_self_consistency(ToyGenerator(), n=8).compile()
    >>> graph.invoke({"problem": "Add 3, 5, 4."}, context=SearchContext(seed=7))["answer"]
    '12'
    """
    size = wave or (n if stop is None else 4)
    require_at_least_one("self_consistency", n=n, wave=size)
    graph = search_graph("self_consistency", n=n, start=reuse_pilots)
    graph.add_node("generate", generate(generator, n=n, wave=size))
    graph.add_node("select", select(keep_none, *filter(None, [stop]), all_sampled(n), recursion_guard(graph)))
    graph.add_node("answer", answer(choose))
    graph.add_edge("question", "generate")
    graph.add_edge("generate", "select")
    graph.add_conditional_edges("select", next_or_stop, {"more": "generate", "enough": "answer"})
    graph.add_edge("answer", END)
    return graph
