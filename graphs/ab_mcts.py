"""ab_mcts: adaptive branching tree search over whole answers (AB-MCTS-A, Inoue et al. 2503.04412, section 3).

1. Select: from the root downwards, Thompson sampling decides between a new answer here (wider) and going to one of the
answers below (deeper). 2. Generate an answer there: below an answer it is a refinement, written with that answer and
its score in view. 3. Verify it; its score updates all arms on the way up. Repeat until n answers are written.
4. Answer with the best-scored one.
Cost: n (generate + verify), in n/wave rounds; a refinement also reads the answer that it refines.
When: scores are graded and can be trusted, and the model can make use of seeing its attempt and the score (code with
tests, puzzles that can be checked in part, several models of unlike strengths). With right-or-wrong scores, a model
that only repeats itself when shown its attempt, or little time (rounds follow one another), best_of_n does as well.
"""

from langgraph.graph import END

from its_graph.contracts import Generator, Verifier
from its_graph.graphs.build import SearchGraph, require, search_graph
from its_graph.graphs.subsearch import reuse_pilots
from its_graph.nodes.answer import answer
from its_graph.nodes.rules.choice import argmax
from its_graph.nodes.rules.stopping import all_sampled, out_of_steps
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

    Args:
        generator: where answers come from: one model, or a `Team` of several.
        verifier: a reward model that judges whole answers.
        n: answers in all, failed ones included.
        wave: answers per round. All of a round are placed by the same scores: more than about 5 skew the tree
            towards what looked best before it.
        prior: what is believed of an arm without rewards: `Gaussian` (default, the paper's) or `Beta` of
            `its_graph.nodes.tree_search.posteriors`.
        pick: which of several models writes an answer: `thompson_model` with this prior (default) or `ucb_model` of
            `its_graph.nodes.tree_search.model_choice`.
        prompt: how a refinement is asked for.
        choose: how the winner is found; the highest score by default. Refinements repeat what they were shown, so in a
            vote an answer that was refined often counts often.
    """
    require(n >= 1 and wave >= 1, "ab_mcts needs at least one answer and a wave of at least one.", n=n, wave=wave)
    belief = prior or Gaussian()
    pick = pick or thompson_model(belief)
    descent = thompson(n, wave, prior=belief, score_range=verifier.score_range)
    graph = search_graph("ab_mcts", n=n, entry=reuse_pilots)
    # Behind its decision: generate, verify, the next decision, answer.
    graph.add_node("select", select(descent, all_sampled(n), out_of_steps(4)))
    graph.add_node("generate", sample_or_refine(generator, n=n, wave=wave, verifier=verifier, pick=pick, prompt=prompt))
    graph.add_node("verify", verify(verifier))
    graph.add_node("answer", answer(choose))
    graph.add_edge("question", "select")
    graph.add_conditional_edges("select", next_or_stop, {"more": "generate", "enough": "answer"})
    graph.add_edge("generate", "verify")
    graph.add_edge("verify", "select")
    graph.add_edge("answer", END)
    return graph
