"""extended_cot: one long chain of thought, and the answer after it (OpenAI o1; DeepSeek-R1, 2501.12948).

    question -> generate -> answer

1. Generate n texts, each with thinking and answer in one call. 2. Answer by vote over what follows the thinking: a box
inside the thinking is not an answer, and thinking that never ended has none.
Cost: n generations, each as long as the run's `max_tokens` allows; no verifier.
When: the model was trained to think (R1, QwQ, Qwen3). Set `max_tokens` high, or it is cut off before it answers: R1 was
evaluated with 32,768 tokens, temperature 0.6 and top_p 0.95 (its README), all of which are settings of the run. On any
other model this is self-consistency, with n = 1 a single generation. A server must return the raw text, not parse it.
"""

from langgraph.graph import END

from its_graph.contracts import Generator
from its_graph.graphs.build import SearchGraph, require_at_least_one, search_graph
from its_graph.graphs.subsearch import reuse_pilots
from its_graph.nodes.answer import answer
from its_graph.nodes.rules.choice import majority
from its_graph.nodes.rules.types import ChoiceRule
from its_graph.nodes.think import sample_with_thinking
from its_graph.text.thinking import ThinkStyle, think_style

__all__ = ["create_extended_cot"]


def create_extended_cot(
    generator: Generator, *, n: int = 1, style: ThinkStyle | str | None = None, choose: ChoiceRule = majority
) -> SearchGraph:
    """Think at length, answer after it; of n such texts the answers vote.

    OpenAI o1; DeepSeek-R1 (2501.12948). Cost: n long generations. When: the model was trained to think.

    Args:
        generator: model that returns its thinking inside the text.
        n: texts to sample; >= 1.
        style: how its thinking ends, a `ThinkStyle` or its name: `think` (`</think>`), `s1`, `turn` (not marked). None
            uses the generator's own. With a marked style, a text without the mark is thinking without an answer.
        choose: choice rule; `majority` by default.

    Raises:
        ConfigurationError: if n < 1, or the style is unknown.

    >>> from its_graph import SearchContext
    >>> from its_graph.graphs import create_extended_cot
    >>> from its_graph.testing import ToyGenerator
    >>> graph = create_extended_cot(ToyGenerator(), n=4).compile()
    >>> graph.invoke({"problem": "Add 3, 5, 4."}, context=SearchContext(seed=7))["answer"]
    '12'
    """
    require_at_least_one("extended_cot", n=n)
    graph = search_graph("extended_cot", n=n, start=reuse_pilots)
    graph.add_node("generate", sample_with_thinking(generator, think_style(style or generator.think_style), n=n))
    graph.add_node("answer", answer(choose))
    graph.add_edge("question", "generate")
    graph.add_edge("generate", "answer")
    graph.add_edge("answer", END)
    return graph
