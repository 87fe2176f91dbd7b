"""rebase: reward-balanced search, where better paths get more continuations (Wu et al. 2408.00724).

    question -> expand -> verify -> select
    select -(more)-> expand
    select -(enough)-> answer
    select -(unfinished)-> finish -> answer

1. Expand: sample n first steps; later as many next steps of each path as it was assigned. 2. Verify every path. 3.
Select: the rest of n, after the paths that have ended, is shared among the open paths by the softmax of their scores,
best first and rounded up. Repeat until all n have ended, or `max_steps`. 4. Answer by the weighted vote over the
finished.
Cost: at most max_steps x n (generate + verify) steps; less than beam search, as the width shrinks with each path that
ends.
When: there is a process reward model whose scores can be compared between paths, and a vote at the end: it keeps the
variety that beam search prunes. With a poor verifier, or one whose scores hardly differ, it is sampling at a higher
price.
"""

from its_graph.contracts import Generator, Verifier
from its_graph.graphs.build import SearchGraph
from its_graph.graphs.step_search import step_search
from its_graph.nodes.rules.rebase import rebase
from its_graph.nodes.rules.types import AskRule, ChoiceRule

__all__ = ["create_rebase"]


def create_rebase(
    generator: Generator,
    verifier: Verifier,
    *,
    n: int = 16,
    temperature: float = 0.2,
    keep_share: float = 1.0,
    max_steps: int = 25,
    choose: ChoiceRule | None = None,
    ask: AskRule | None = None,
) -> SearchGraph:
    """Share n continuations among the open paths by the softmax of their scores, round by round.

    REBASE (Wu et al. 2408.00724). Cost: at most max_steps x n (generate + verify) steps. When: the scores of the
    process reward model can be compared between paths.

    Args:
        generator: source of the steps; must be able to continue a prefix.
        verifier: process reward model, which scores partial solutions.
        n: paths in total, >= 1; each path that ends makes the next rounds smaller.
        temperature: temperature of the softmax over scores in [0, 1], > 0; not the generator's. Small values spend
            nearly everything on the best path.
        keep_share: share of the open paths that compete, in (0, 1], best first and rounded up.
        max_steps: longest path, in steps; >= 1.
        choose: how to choose among the finished paths; a weighted vote by default.
        ask: when to ask a person: `every` or `when_uncertain` of `its_graph.nodes.rules.steering`; None never asks.

    Raises:
        ConfigurationError: if an option is out of range.
        ContinuationError: if the generator cannot continue a prefix.

    >>> from its_graph import SearchContext
    >>> from its_graph.graphs import create_rebase
    >>> from its_graph.testing import ToyGenerator, ToyVerifier
    >>> graph = create_rebase(ToyGenerator(), ToyVerifier(), n=8).compile()
    >>> graph.invoke({"problem": "Add 3, 5, 4."}, context=SearchContext(seed=7))["answer"]
    '12'
    """
    keep = rebase(n, temperature=temperature, keep_share=keep_share, score_range=verifier.score_range)
    return step_search("rebase", generator, verifier, keep, n=n, max_steps=max_steps, choose=choose, ask=ask)
