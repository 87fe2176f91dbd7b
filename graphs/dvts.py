"""dvts: diverse verifier tree search, independent greedy trees (Beeching, Tunstall and Rush 2024).

1. Expand: sample n first steps and deal them to `width` trees; later n/width next steps of each tree's path. 2. Verify.
3. Select the best path inside each tree; nothing moves between trees, so that one early favourite cannot crowd out the
rest. 4. Answer by the weighted vote over all finished paths.
Cost: as beam search.
When: as beam search, with budgets large enough for several trees: it keeps the diversity that a beam loses.
"""

from its_graph.contracts import Generator, Verifier
from its_graph.graphs.build import SearchGraph
from its_graph.graphs.step_search import require_shares, step_search
from its_graph.nodes.rules.frontier import best_of_each_tree
from its_graph.nodes.rules.types import AskRule, ChoiceRule, StepScore
from its_graph.search.tree import Tree

__all__ = ["create_dvts"]


def create_dvts(
    generator: Generator,
    verifier: Verifier,
    *,
    n: int = 16,
    width: int = 4,
    max_steps: int = 40,
    lookahead: int = 0,
    score: StepScore = Tree.score,
    choose: ChoiceRule | None = None,
    ask: AskRule | None = None,
) -> SearchGraph:
    """Grow `width` independent trees, each keeping only its best path.

    Args:
        generator: where steps come from; it must continue a prefix.
        verifier: a process reward model, which judges partial solutions.
        n: steps sampled in a round, over all trees.
        width: independent trees; must divide n.
        max_steps: the longest path.
        lookahead: steps rolled out greedily before a path is judged.
        score: what the paths of a tree compete by: the verifier's score, or `advantage()` of
            `its_graph.nodes.rules.advantage`.
        choose: how the winner is found among the finished; a weighted vote by default.
        ask: when a person is asked how to go on: `every` or `when_unsure` of `its_graph.nodes.rules.steering`; None never.
    """
    require_shares("dvts", n, width)
    return step_search(
        "dvts",
        generator,
        verifier,
        best_of_each_tree(n, width, score),
        n=n,
        max_steps=max_steps,
        lookahead_steps=lookahead,
        choose=choose,
        ask=ask,
    )
