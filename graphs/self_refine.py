"""self_refine: an attempt, a critique of it, a better attempt (Self-Refine, Madaan et al. 2303.17651).

    question -> generate -> critique -> select
    select -(more)-> refine -> critique
    select -(enough)-> answer

1. Generate one attempt. 2. Critique it, by the generator itself or by another model. 3. Stop if the critique finds no
mistake. 4. Refine: the next attempt is written with the last one and its critique in view. Repeat 2 to 4 for at most
`rounds` refinements. 5. Answer with the last attempt that has an answer.
Cost: at most 1 + 2 x rounds generations, one after another, no verifier.
When: mistakes are easier to see than to avoid (style, format, constraints), or the critic knows more than the
generator. In reasoning without such a critic it often makes right answers wrong (Huang et al. 2310.01798):
self_consistency at the same cost is the baseline to beat. A model that reads only the last question (the embedded one)
neither criticizes nor refines: the answer is then its last sample.
"""

from langgraph.graph import END

from its_graph.contracts import Generator
from its_graph.graphs.build import SearchGraph, recursion_guard, require, search_graph
from its_graph.nodes import prompts
from its_graph.nodes.answer import answer
from its_graph.nodes.generate import generate
from its_graph.nodes.revision.critique import (
    attempt_and_critique,
    critique_accepts,
    last_answer,
    latest_attempt,
    new_attempts,
    refinements_done,
    verdict_is_correct,
)
from its_graph.nodes.rewrite import rewrite
from its_graph.nodes.rules.types import AcceptRule, ChoiceRule, RewritePrompt
from its_graph.nodes.select import next_or_stop, select

__all__ = ["create_self_refine"]


def create_self_refine(
    generator: Generator,
    *,
    rounds: int = 3,
    critic: Generator | None = None,
    accepts: AcceptRule = verdict_is_correct,
    critique: RewritePrompt = prompts.critique,
    prompt: RewritePrompt = prompts.refine,
    choose: ChoiceRule = last_answer,
) -> SearchGraph:
    """Criticize an attempt and write a better one, until the critic accepts it.

    Self-Refine (Madaan et al. 2303.17651). Cost: at most 1 + 2 x rounds generations, one after another. When: mistakes
    are easier to see than to avoid, or the critic knows more than the generator.

    Args:
        generator: model that writes the attempts.
        rounds: maximum number of refinements; >= 0.
        critic: model that writes the critiques; None is the generator itself.
        accepts: whether the text of a critique finds no mistake; by default its line `Verdict: correct` decides.
        critique: how to ask for a critique, given the attempt.
        prompt: how to ask for the next attempt, given the attempt and its critique (the attempt alone if the critique
            failed).
        choose: choice rule; by default the last attempt with an answer.

    Raises:
        ConfigurationError: if rounds < 0.

    >>> from its_graph import SearchContext
    >>> from its_graph.graphs import create_self_refine
    >>> from its_graph.testing import ToyGenerator
    >>> graph = create_self_refine(ToyGenerator(), rounds=1).compile()
    >>> graph.invoke({"problem": "Add 3, 5, 4."}, context=SearchContext(seed=9))["answer"]
    '12'
    """
    require(rounds >= 0, "self_refine needs rounds >= 0", rounds=rounds)
    graph = search_graph("self_refine")
    review = rewrite("critique", critic or generator, new_attempts("refine", rounds), critique, auxiliary="critique")
    stop = (critique_accepts(accepts), refinements_done("refine", rounds), recursion_guard(graph))
    graph.add_node("generate", generate(generator, n=1))
    graph.add_node("critique", review)
    graph.add_node("select", select(latest_attempt, *stop))
    graph.add_node("refine", rewrite("refine", generator, attempt_and_critique, prompt))
    graph.add_node("answer", answer(choose))
    graph.add_edge("question", "generate")
    graph.add_edge("generate", "critique")
    graph.add_edge("critique", "select")
    graph.add_conditional_edges("select", next_or_stop, {"more": "refine", "enough": "answer"})
    graph.add_edge("refine", "critique")
    graph.add_edge("answer", END)
    return graph
