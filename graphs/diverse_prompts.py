"""diverse_prompts: sample under several instructions and let the answers vote (similar to Dipper, 2412.15238).

    question -> generate -> answer

1. Generate n solutions, distributed over the instructions: sample i is drawn under instruction i, cyclically. 2. Verify
each, if there is a verifier. 3. Answer with the vote: weighted by score with a verifier (as in DiVeRSe, 2206.02336,
over prompts that differ in their examples), the most frequent answer without.
Cost: n generations, whose prompts are longer by the instruction; with a verifier n (generate + verify).
When: one prompt leads a model that follows instructions into the same mistake again and again. A model that reads only
the last question (the embedded one) answers as in self_consistency, and an instruction that suits a question badly
wastes its share of the samples: compare your own instructions with no instruction at all.
"""

from collections.abc import Sequence

from langgraph.graph import END

from its_graph.contracts import Generator, Verifier
from its_graph.graphs.build import SearchGraph, require, require_at_least_one, search_graph
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

    Similar to Dipper (2412.15238). Cost: n generations, with a verifier n (generate + verify). When: one prompt leads
    the model into the same mistake again and again.

    Args:
        generator: source of the solutions.
        n: solutions to sample, under all instructions together; >= 1.
        prompts: the instructions, or personas, at least one; an empty string leaves the question unchanged.
        verifier: process or outcome reward model that weights the votes; without one every vote counts the same.
        choose: choice rule: by default `weighted` with a verifier, `majority` without.

    Raises:
        ConfigurationError: if n < 1, or `prompts` is not a sequence with at least one instruction.

    >>> from its_graph import SearchContext
    >>> from its_graph.graphs import create_diverse_prompts
    >>> from its_graph.testing import ToyGenerator
    >>> graph = create_diverse_prompts(ToyGenerator(), n=8, prompts=["", "Work backwards."]).compile()
    >>> graph.invoke({"problem": "Add 3, 5, 4."}, context=SearchContext(seed=7))["answer"]
    '12'
    """
    require_at_least_one("diverse_prompts", n=n)
    require(
        len(prompts) >= 1 and not isinstance(prompts, str),
        'diverse_prompts needs a sequence of instructions ([""] leaves the question unchanged)',
        prompts=prompts,
    )
    default_choice = majority if verifier is None else weighted(verifier.score_range)
    graph = search_graph("diverse_prompts", n=n, start=reuse_pilots)
    graph.add_node("generate", generate(generator, n=n, verifier=verifier, transform=vary_prompts(prompts)))
    graph.add_node("answer", answer(choose or default_choice))
    graph.add_edge("question", "generate")
    if verifier is None:
        graph.add_edge("generate", "answer")
    else:
        graph.add_node("verify", verify(verifier))
        graph.add_edge("generate", "verify")
        graph.add_edge("verify", "answer")
    graph.add_edge("answer", END)
    return graph
