"""self_refine: an attempt, a critique of it, a better attempt (Self-Refine, Madaan et al. 2303.17651).

1. Generate one attempt. 2. Critique it, by the generator itself or by another model. 3. Stop if the critique finds
nothing wrong. 4. Refine: the next attempt is written with the last one and its critique in view. Repeat 2 to 4 for at
most `rounds` refinements. 5. Answer with the last attempt that has an answer.
Cost: at most 1 + 2 x rounds generations one after another, no verifier.
When: where mistakes are easier to see than to avoid (style, format, constraints), or with a critic that knows more than
the generator. In reasoning without such a critic it often makes right answers wrong (Huang et al. 2310.01798):
self_consistency at the same cost is the baseline to beat. A model that reads only the last question (the embedded one)
neither criticises nor refines: the answer is then its last sample.
"""

from langgraph.graph import END

from its_graph.contracts import Generator
from its_graph.graphs.build import SearchGraph, require, search_graph
from its_graph.nodes import prompts
from its_graph.nodes.answer import answer
from its_graph.nodes.generate import generate
from its_graph.nodes.revision import critique as rules
from its_graph.nodes.rewrite import rewrite
from its_graph.nodes.rules.stopping import out_of_steps
from its_graph.nodes.rules.types import AcceptRule, ChoiceRule, RewritePrompt
from its_graph.nodes.select import next_or_stop, select

__all__ = ["create_self_refine"]


def create_self_refine(
    generator: Generator,
    *,
    rounds: int = 3,
    critic: Generator | None = None,
    accepts: AcceptRule = rules.verdict_is_correct,
    critique: RewritePrompt = prompts.critique,
    prompt: RewritePrompt = prompts.refine,
    choose: ChoiceRule = rules.last_answer,
) -> SearchGraph:
    """Criticise an attempt and write a better one, until the critic is content.

    Args:
        generator: who writes the attempts.
        rounds: refinements at most.
        critic: who writes the critiques; None is the generator itself.
        accepts: tells from a critique's text that nothing is wrong; by default by its line `Verdict: correct`.
        critique: how to ask for a critique, given the attempt.
        prompt: how to ask for the next attempt, given the attempt and its critique (the attempt alone where the
            critique failed).
        choose: how the winner is found: the last attempt with an answer by default.
    """
    require(rounds >= 0, "self_refine needs rounds >= 0.", rounds=rounds)
    review = rewrite(
        "critique", critic or generator, rules.new_attempts("refine", rounds), critique, auxiliary="critique"
    )
    enough = (rules.critique_accepts(accepts), rules.refinements_done("refine", rounds), out_of_steps(4))
    graph = search_graph("self_refine")
    graph.add_node("generate", generate(generator, n=1))
    graph.add_node("critique", review)
    graph.add_node("select", select(rules.latest_attempt, *enough))
    graph.add_node("refine", rewrite("refine", generator, rules.attempt_and_critique, prompt))
    graph.add_node("answer", answer(choose))
    graph.add_edge("question", "generate")
    graph.add_edge("generate", "critique")
    graph.add_edge("critique", "select")
    graph.add_conditional_edges("select", next_or_stop, {"more": "refine", "enough": "answer"})
    graph.add_edge("refine", "critique")
    graph.add_edge("answer", END)
    return graph
