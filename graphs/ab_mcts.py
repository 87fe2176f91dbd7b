"""ab_mcts: adaptive branching tree search over whole answers (AB-MCTS-A, Inoue et al. 2503.04412, section 3).

    question -> select
    select -(more)-> generate -> verify -> select
    select -(enough)-> answer

1. Select: from the root downwards, Thompson sampling decides between a new answer here (wider) and descending to one of
the answers below (deeper). 2. Generate an answer there: below an answer it is a refinement, written with that answer
and its score in view. 3. Verify it; its score updates all arms on the way up. Repeat until n answers are written.
4. Answer with the best-scored one.
Cost: n (generate + verify), in n/wave rounds; a refinement also reads the answer that it refines.
When: scores are graded and can be trusted, and the model benefits from seeing its attempt and the score (code with
tests, puzzles that can be checked in part, several models of different strengths). With right-or-wrong scores, a model
that only repeats itself when shown its attempt, or tight latency (rounds are sequential), best_of_n does as well.
"""

from langgraph.graph import END

from its_graph.contracts import Generator, Verifier
from its_graph.graphs.build import SearchGraph, recursion_guard, require_at_least_one, search_graph
from its_graph.graphs.subsearch import reuse_pilots
from its_graph.nodes.answer import answer
from its_graph.nodes.rules.choice import argmax
from its_graph.nodes.rules.stopping import all_sampled
from its_graph.nodes.rules.types import ChoiceRule, ModelRule, RefinementPrompt
from its_graph.nodes.select import next_or_stop, select
from its_graph.nodes.tree_search.model_choice import thompson_model
from its_graph.nodes.tree_search.posteriors import Gaussian, Posterior
from its_graph.nodes.tree_search.refine import sample_or_refine, with_score
from its_graph.nodes.tree_search.thompson import thompson
from its_graph.nodes.verify import verify

__all__ = ["create_ab_mcts"]


def create_ab_mcts(
    generator: Generator,
    verifier: Verifier,
    *,
    n: int = 16,
    wave: int = 1,
    prior: Posterior | None = None,
    pick: ModelRule | None = None,
    prompt: RefinementPrompt = with_score,
    choose: ChoiceRule = argmax,
) -> SearchGraph:
    """Write answers and refine them, going wider or deeper as the scores suggest.

    AB-MCTS-A (Inoue et al. 2503.04412, section 3). Cost: n (generate + verify), in n/wave rounds. When: scores are
    graded and can be trusted, and the model benefits from seeing its attempt and the score.

    Args:
        generator: source of the answers: one model, or a `Team` of several.
        verifier: reward model that scores whole answers.
        n: answers in total, failed ones included; >= 1.
        wave: answers per round, >= 1. All answers of a round are placed by the same scores: more than about 5 bias the
            tree toward what looked best before the round.
        prior: prior belief about an arm without rewards: `Gaussian` (default, the paper's) or `Beta` of
            `its_graph.nodes.tree_search.posteriors`.
        pick: which of several models writes an answer: `thompson_model` with this prior (default) or `ucb_model` of
            `its_graph.nodes.tree_search.model_choice`.
        prompt: how to ask for a refinement.
        choose: choice rule; `argmax` by default. Refinements repeat what they were shown, so in a vote an answer that
            was refined often counts often.

    Raises:
        ConfigurationError: if `n` or `wave` is below 1.

    >>> from its_graph import SearchContext
    >>> from its_graph.graphs import create_ab_mcts
    >>> from its_graph.testing import ToyGenerator, ToyVerifier
    >>> graph = create_ab_mcts(ToyGenerator(), ToyVerifier(), n=8).compile()
    >>> graph.invoke({"problem": "Add 3, 5, 4."}, context=SearchContext(seed=7))["answer"]
    '12'
    """
    require_at_least_one("ab_mcts", n=n, wave=wave)
    prior = prior or Gaussian()
    pick = pick or thompson_model(prior)
    descent = thompson(n, wave, prior=prior, score_range=verifier.score_range)
    graph = search_graph("ab_mcts", n=n, start=reuse_pilots)
    graph.add_node("select", select(descent, all_sampled(n), recursion_guard(graph)))
    graph.add_node("generate", sample_or_refine(generator, n=n, wave=wave, verifier=verifier, pick=pick, prompt=prompt))
    graph.add_node("verify", verify(verifier))
    graph.add_node("answer", answer(choose))
    graph.add_edge("question", "select")
    graph.add_conditional_edges("select", next_or_stop, {"more": "generate", "enough": "answer"})
    graph.add_edge("generate", "verify")
    graph.add_edge("verify", "select")
    graph.add_edge("answer", END)
    return graph
