"""diverse_prompts: sample under several instructions and let the answers vote (as Dipper, 2412.15238).

1. Generate n solutions, dealt out over the instructions: sample i is asked for under instruction i, round and round.
2. Verify each, where there is a verifier. 3. Answer with the vote: weighted by score with a verifier (as DiVeRSe,
2206.02336, over prompts that differ in their examples), the most frequent answer without.
Cost: n generations, whose prompts are longer by the instruction; with a verifier n (generate + verify).
When: one prompt leads a model that follows instructions into the same mistake again and again. A model that reads only
the last question (the embedded one) answers as in self_consistency, and an instruction that suits a question badly
costs its share of the samples: measure your own instructions against none at all.
"""

from collections.abc import Sequence

from langgraph.graph import END

from its_graph.contracts import Generator, Verifier
from its_graph.graphs.build import SearchGraph, require, search_graph
from its_graph.graphs.subsearch import reuse_pilots
from its_graph.nodes.answer import answer
from its_graph.nodes.generate import generate
from its_graph.nodes.prompt_variation import APPROACHES, vary_prompts
from its_graph.nodes.rules.choice import majority, weighted
from its_graph.nodes.rules.types import ChoiceRule
from its_graph.nodes.verify import verify

__all__ = ["create_diverse_prompts"]


def create_diverse_prompts(
    generator: Generator,
    *,
    n: int = 16,
    prompts: Sequence[str] = APPROACHES,
    verifier: Verifier | None = None,
    choose: ChoiceRule | None = None,
) -> SearchGraph:
    """Sample n solutions under several instructions and take the answer that most of them agree on.

    Args:
        generator: where solutions come from.
        n: solutions to sample, under all instructions together.
        prompts: the instructions, or personas; an empty one is the question as it was asked.
        verifier: a process or outcome reward model that weighs the votes; without one every vote counts the same.
        choose: how the winner is found: by default `weighted` with a verifier, `majority` without.
    """
    require(n >= 1, "diverse_prompts needs at least one sample.", n=n)
    require(
        len(prompts) >= 1 and not isinstance(prompts, str),
        'diverse_prompts needs a sequence of instructions; [""] is the question as it was asked.',
        prompts=prompts,
    )
    by_default = majority if verifier is None else weighted(verifier.score_range)
    graph = search_graph("diverse_prompts", n=n, entry=reuse_pilots)
    graph.add_node("generate", generate(generator, n=n, verifier=verifier, ahead=verifier, shape=vary_prompts(prompts)))
    graph.add_node("answer", answer(choose or by_default))
    graph.add_edge("question", "generate")
    if verifier is None:
        graph.add_edge("generate", "answer")
    else:
        graph.add_node("verify", verify(verifier))
        graph.add_edge("generate", "verify")
        graph.add_edge("verify", "answer")
    graph.add_edge("answer", END)
    return graph
