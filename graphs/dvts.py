"""dvts: diverse verifier tree search, independent greedy trees (Beeching, Tunstall and Rush 2024).

    question -> expand -> verify -> select
    select -(more)-> expand
    select -(enough)-> answer
    select -(unfinished)-> finish -> answer

1. Expand: sample n first steps and assign them to `width` trees; later n/width next steps of each tree's path.
2. Verify. 3. Select the best path inside each tree; trees exchange nothing, so that one early leader cannot crowd out
the rest. 4. Answer by the weighted vote over all finished paths.
Cost: as beam search.
When: as beam search, with budgets large enough for several trees: it keeps the diversity that a beam loses.
"""

from its_graph.contracts import Generator, Verifier
from its_graph.graphs.build import SearchGraph
from its_graph.graphs.step_search import require_divisible, step_search
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

    DVTS (Beeching, Tunstall and Rush 2024). Cost: at most max_steps x n (generate + verify) steps. When: as beam
    search, with budgets large enough for several trees.

    Args:
        generator: source of the steps; must be able to continue a prefix.
        verifier: process reward model, which scores partial solutions.
        n: steps sampled per round, over all trees; >= 1.
        width: independent trees; must divide n.
        max_steps: longest path, in steps; >= 1.
        lookahead: greedy steps sampled after a path before it is scored; >= 0.
        score: what the paths of a tree compete by: the verifier's score, or `advantage()` of
            `its_graph.nodes.rules.advantage`.
        choose: how to choose among the finished paths; a weighted vote by default.
        ask: when to ask a person: `every` or `when_uncertain` of `its_graph.nodes.rules.steering`; None never asks.

    Raises:
        ConfigurationError: if a size is out of range, or `width` does not divide n.
        ContinuationError: if the generator cannot continue a prefix.

    >>> from its_graph import SearchContext
    >>> from its_graph.graphs import create_dvts
    >>> from its_graph.testing import ToyGenerator, ToyVerifier
    >>> graph = create_dvts(ToyGenerator(), ToyVerifier(), n=8, width=4).compile()
    >>> graph.invoke({"problem": "Add 3, 5, 4."}, context=SearchContext(seed=7))["answer"]
    '12'
    """
    require_divisible("dvts", n, width)
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
