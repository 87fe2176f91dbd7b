"""sequential_revision: chains of attempts, each written with earlier ones in view (Snell et al. 2408.03314, section 6).

    question -> generate -> verify -> select
    select -(more)-> revise -> verify
    select -(enough)-> answer

1. Generate the first attempts of p chains. 2. Verify them. 3. Revise: each chain's next attempt is written with its
last four in view. Repeat 2 and 3 until every chain has s attempts. 4. Answer by weighted best-of-N inside each chain,
then among the chains' winners; never by the last attempt alone, as about 38 % of right ones turn wrong at the next.
Cost: n = s x p times (generate + verify); a revision also reads up to four attempts.
When: the model was trained to revise, and there is a verifier: then easy questions favor one long chain and hard ones a
mix (`ratio_grid` lists what to compare). A model that was only asked to revise may gain nothing over best_of_n, and one
that reads only the last question (the embedded one) answers from scratch: best_of_n in waves, at the same cost.
"""

from math import isqrt

from langgraph.graph import END

from its_graph.contracts import Generator, Verifier
from its_graph.graphs.build import SearchGraph, recursion_guard, require, require_at_least_one, search_graph
from its_graph.nodes import prompts
from its_graph.nodes.answer import answer
from its_graph.nodes.generate import generate
from its_graph.nodes.revision.chains import chain_ends, hierarchical, latest_attempts
from its_graph.nodes.rewrite import rewrite
from its_graph.nodes.rules.stopping import all_sampled
from its_graph.nodes.rules.types import ChoiceRule, RewritePrompt, StopRule
from its_graph.nodes.select import next_or_stop, select
from its_graph.nodes.verify import verify

__all__ = ["create_sequential_revision"]


def create_sequential_revision(
    generator: Generator,
    verifier: Verifier,
    *,
    n: int = 16,
    chains: int | None = None,
    shown: int = 4,
    prompt: RewritePrompt = prompts.revise,
    stop: StopRule | None = None,
    choose: ChoiceRule | None = None,
) -> SearchGraph:
    """Write attempt after attempt in parallel chains and choose over whole chains.

    Snell et al. (2408.03314, section 6). Cost: n (generate + verify); a revision also reads up to four attempts. When:
    the model was trained to revise, and there is a verifier.

    Args:
        generator: source of the attempts.
        verifier: process or outcome reward model.
        n: attempts in total; >= 1.
        chains: parallel chains of n/chains attempts each; must divide n. By default the largest number that leaves
            chains at least as long as there are chains: 4 of 4 for n = 16.
        shown: latest attempts that a revision sees; >= 1.
        prompt: how to ask for a revision, given those, oldest first; `bare` for a model trained to revise.
        stop: when to stop early.
        choose: choice rule: `hierarchical` of `its_graph.nodes.revision.chains` by default; `majority` pools the
            answers of all attempts.

    Raises:
        ConfigurationError: if a size is out of range, or `chains` does not divide n.

    >>> from its_graph import SearchContext
    >>> from its_graph.graphs import create_sequential_revision
    >>> from its_graph.testing import ToyGenerator, ToyVerifier
    >>> graph = create_sequential_revision(ToyGenerator(), ToyVerifier(), n=8, chains=2).compile()
    >>> graph.invoke({"problem": "Add 3, 5, 4."}, context=SearchContext(seed=7))["answer"]
    '12'
    """
    require_at_least_one("sequential_revision", n=n, shown=shown)
    count = _largest_divisor(n) if chains is None else chains
    require(count >= 1 and n % count == 0, "sequential_revision needs chains that divide n", n=n, chains=chains)
    graph = search_graph("sequential_revision", n=n)
    revise = rewrite("revise", generator, latest_attempts(count, shown), prompt, verifier=verifier)
    graph.add_node("generate", generate(generator, n=count, verifier=verifier))
    graph.add_node("verify", verify(verifier))
    graph.add_node("select", select(chain_ends, *filter(None, [stop]), all_sampled(n), recursion_guard(graph)))
    graph.add_node("revise", revise)
    graph.add_node("answer", answer(choose or hierarchical(verifier.score_range)))
    graph.add_edge("question", "generate")
    graph.add_edge("generate", "verify")
    graph.add_edge("verify", "select")
    graph.add_conditional_edges("select", next_or_stop, {"more": "revise", "enough": "answer"})
    graph.add_edge("revise", "verify")
    graph.add_edge("answer", END)
    return graph


def _largest_divisor(n: int) -> int:
    """Return the largest divisor of n up to its square root."""
    return next(count for count in range(isqrt(n), 0, -1) if n % count == 0)
