"""beam_search: keep the best partial solutions, one step at a time (Snell et al. 2408.03314, section 5.2).

1. Expand: sample n first steps; later n next steps, shared among the kept paths. 2. Verify every path. 3. Select the
best `width` open ones; finished ones stay as candidates and are never extended. Repeat until n are finished, none is
open, or `max_steps`. 4. Answer by the weighted vote over the finished. In the paper's letters: N = n, M = n/width.
With `score=advantage()` paths compete by the effective reward of Setlur et al. (2410.08146), progress included.
Cost: at most max_steps x n (generate + verify) steps; with lookahead k about (k+1) times that.
When: a process reward model is at hand and problems are of middling difficulty or budgets small; on easy problems it
over-optimises, and at large budgets best_of_n or dvts does better.
"""

from its_graph.contracts import Generator, Verifier
from its_graph.graphs.build import SearchGraph
from its_graph.graphs.step_search import require_shares, step_search
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

    Args:
        generator: where steps come from; it must continue a prefix.
        verifier: a process reward model, which judges partial solutions.
        n: steps sampled in a round.
        width: paths kept after a round; must divide n. `width = n` is n independent chains, `width = 1` is greedy.
        max_steps: the longest path.
        lookahead: steps rolled out greedily before a path is judged (section 5.3 of the paper: rarely worth it).
        score: what open paths compete by: the verifier's score, or `advantage()` of `its_graph.nodes.rules.advantage`. The
            winner is chosen by the verifier's scores in any case.
        choose: how the winner is found among the finished; a weighted vote by default.
        ask: when a person is asked how to go on: `every` or `when_unsure` of `its_graph.nodes.rules.steering`; None never.
    """
    require_shares("beam_search", n, width)
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
