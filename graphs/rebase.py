"""rebase: reward-balanced search, where better paths get more continuations (Wu et al. 2408.00724).

1. Expand: sample n first steps; later as many next steps of each path as it was given. 2. Verify every path. 3. Select:
what is left of n, after the paths that have ended, is shared among the open paths by the softmax of their scores, best
first and rounded up. Repeat until all n have ended, or `max_steps`. 4. Answer by the weighted vote over the finished.
Cost: at most max_steps x n (generate + verify) steps; less than beam search, as the width shrinks with each path that
ends.
When: a process reward model whose scores can be compared between paths, and a vote at the end: it keeps the variety
that beam search prunes. With a poor verifier, or one whose scores hardly differ, it is sampling at a higher price.
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

    Args:
        generator: where steps come from; it must continue a prefix.
        verifier: a process reward model, which judges partial solutions.
        n: paths in all; each one that ends makes the next rounds smaller.
        temperature: of the softmax over scores in [0, 1]; not the generator's. Small ones spend nearly all on the best.
        keep_share: share of the open paths that compete, best first and rounded up; 1 is all of them.
        max_steps: the longest path.
        choose: how the winner is found among the finished; a weighted vote by default.
        ask: when a person is asked how to go on: `every` or `when_unsure` of `its_graph.nodes.rules.steering`; None never.
    """
    keep = rebase(n, temperature=temperature, keep_share=keep_share, score_range=verifier.score_range)
    return step_search("rebase", generator, verifier, keep, n=n, max_steps=max_steps, choose=choose, ask=ask)
