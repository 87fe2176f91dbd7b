"""beam_search: keep the best partial solutions, one step at a time (Snell et al. 2408.03314, section 5.2).

    question -> expand -> verify -> select
    select -(more)-> expand
    select -(enough)-> answer
    select -(unfinished)-> finish -> answer

1. Expand: sample n first steps; later n next steps, shared among the kept paths. 2. Verify every path. 3. Select the
best `width` open ones; finished ones stay as candidates and are never extended. Repeat until n are finished, none is
open, or `max_steps`. 4. Answer by the weighted vote over the finished. In the paper's letters: N = n, M = n/width.
With `score=advantage()` paths compete by the effective reward of Setlur et al. (2410.08146), which includes progress.
Cost: at most max_steps x n (generate + verify) steps; with lookahead k about (k+1) times that.
When: there is a process reward model, and problems are of medium difficulty or budgets small; on easy problems it
over-optimizes, and at large budgets best_of_n or dvts does better.
"""

from its_graph.contracts import Generator, Verifier
from its_graph.graphs.build import SearchGraph
from its_graph.graphs.step_search import require_divisible, step_search
from its_graph.nodes.rules.frontier import top_k
from its_graph.nodes.rules.stopping import enough_complete
from its_graph.nodes.rules.types import AskRule, ChoiceRule, StepScore
from its_graph.search.tree import Tree

__all__ = ["create_beam_search"]


def create_beam_search(
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
    """Keep the best `width` of n partial solutions, one step at a time.

    Snell et al. (2408.03314, section 5.2). Cost: at most max_steps x n (generate + verify) steps. When: there is a
    process reward model, and problems are of medium difficulty or budgets small.

    Args:
        generator: source of the steps; must be able to continue a prefix.
        verifier: process reward model, which scores partial solutions.
        n: steps sampled per round; >= 1.
        width: paths kept after a round; must divide n. `width = n` is n independent chains, `width = 1` is greedy.
        max_steps: longest path, in steps; >= 1.
        lookahead: greedy steps sampled after a path before it is scored, >= 0 (section 5.3 of the paper: rarely worth
            it).
        score: what open paths compete by: the verifier's score, or `advantage()` of `its_graph.nodes.rules.advantage`.
            The verifier's scores choose the winner in either case.
        choose: how to choose among the finished paths; a weighted vote by default.
        ask: when to ask a person: `every` or `when_uncertain` of `its_graph.nodes.rules.steering`; None never asks.

    Raises:
        ConfigurationError: if a size is out of range, or `width` does not divide n.
        ContinuationError: if the generator cannot continue a prefix.

    >>> from its_graph import SearchContext
    >>> from its_graph.graphs import create_beam_search
    >>> from its_graph.testing import ToyGenerator, ToyVerifier
    >>> graph = create_beam_search(ToyGenerator(), ToyVerifier(), n=8, width=2).compile()
    >>> graph.invoke({"problem": "Add 3, 5, 4."}, context=SearchContext(seed=7))["answer"]
    '12'
    """
    require_divisible("beam_search", n, width)
    return step_search(
        "beam_search",
        generator,
        verifier,
        top_k(width, n, score),
        n=n,
        max_steps=max_steps,
        lookahead_steps=lookahead,
        choose=choose,
        ask=ask,
        stop=(enough_complete(n),),
    )
