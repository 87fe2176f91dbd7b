"""budget_forcing: keep the length of the thinking between a floor and a ceiling (s1: Muennighoff et al. 2501.19393).

    question -> think -> select
    select -(more)-> think
    select -(enough)-> answer
    select -(unfinished)-> conclude -> answer

1. Think until the model ends its thinking, or to the ceiling. 2. If it ended by itself, drop the end and append `Wait`
instead, `ignores` times; at the ceiling it is cut. 3. Conclude: after the end of the thinking (a forced one, with
`Final Answer:`, if it was cut) sample the answer, under its own limit. 4. Answer by vote over n of these.
Cost: at most n (ignores + 2) generations; each reads the thinking so far again, from a prefix cache if there is one.
When: the model thinks before it answers and its thinking must fit a time or token limit, or is too short. The ceiling
is exact. The floor gains little: in the authors' figures more `Wait` is neither monotone nor more than noise on 30
questions, and 2506.04210 and 2512.19585 find that it saturates. A model without separate thinking (style `turn`) is
asked to reconsider its finished solution; untrained for it, it may spoil a right one.
"""

from langgraph.graph import END

from its_graph.contracts import Generator
from its_graph.graphs.build import SearchGraph, recursion_guard, require, require_at_least_one, search_graph
from its_graph.nodes.answer import answer
from its_graph.nodes.rules.choice import majority
from its_graph.nodes.rules.types import ChoiceRule
from its_graph.nodes.select import select
from its_graph.nodes.think import (
    ThinkingLimits,
    conclude,
    next_conclude_or_stop,
    open_paths,
    stop_while_thinking,
    think,
)
from its_graph.text.thinking import ThinkStyle, think_style

__all__ = ["create_budget_forcing"]


def create_budget_forcing(
    generator: Generator,
    *,
    n: int = 1,
    ignores: int = 1,
    max_thinking_tokens: int | None = None,
    answer_tokens: int | None = None,
    wait: str | None = None,
    style: ThinkStyle | str | None = None,
    choose: ChoiceRule = majority,
) -> SearchGraph:
    """Extend thinking with `Wait`, or cut it off, and answer.

    Budget forcing (s1: Muennighoff et al. 2501.19393). Cost: at most n (ignores + 2) generations. When: a thinking
    model must stay within a limit, or thinks too little.

    Args:
        generator: model that continues a prefix and returns its thinking inside the text.
        n: chains of thought in parallel, whose answers vote; >= 1.
        ignores: how often the end of the thinking is ignored, >= 0 (1, 2, 4 and 6 in the paper); 0 only cuts.
        max_thinking_tokens: longest thinking in generated tokens, extensions included; >= 1. None uses the run's
            `max_tokens`, which then limits the thinking as well as the answer.
        answer_tokens: longest answer in generated tokens, >= 1 (100 in s1's harness). None uses the run's `max_tokens`.
        wait: text that replaces an ignored end, instead of the style's own; the paper also tries the empty text,
            "Hmm" and "Alternatively".
        style: how thinking ends, a `ThinkStyle` or its name: `think` (`</think>`), `s1`, `turn` (with the model's
            turn). None uses the generator's own.
        choose: choice rule; `majority` by default.

    Raises:
        ConfigurationError: if an option is out of range.
        ContinuationError: if the generator cannot continue a prefix.

    >>> from its_graph import SearchContext
    >>> from its_graph.graphs import create_budget_forcing
    >>> from its_graph.testing import ToyGenerator
    >>> graph = create_budget_forcing(ToyGenerator(), n=4).compile()
    >>> graph.invoke({"problem": "Add 3, 5, 4."}, context=SearchContext(seed=7))["answer"]
    '12'
    """
    require_at_least_one("budget_forcing", n=n)
    require(ignores >= 0, "budget_forcing needs ignores >= 0", ignores=ignores)
    for name, tokens in {"max_thinking_tokens": max_thinking_tokens, "answer_tokens": answer_tokens}.items():
        require(tokens is None or tokens >= 1, f"budget_forcing needs {name} >= 1 or None", **{name: tokens})
    style = think_style(style or generator.think_style)
    wording = style if wait is None else style._replace(wait=wait)
    limits = ThinkingLimits(wording, ignores, max_thinking_tokens, answer_tokens)
    graph = search_graph("budget_forcing", n=n)
    graph.add_node("think", think(generator, limits, n=n))
    graph.add_node("select", select(open_paths, stop_while_thinking(style, recursion_guard(graph))))
    graph.add_node("conclude", conclude(generator, limits))
    graph.add_node("answer", answer(choose))
    graph.add_edge("question", "think")
    graph.add_edge("think", "select")
    graph.add_conditional_edges(
        "select", next_conclude_or_stop(style), {"more": "think", "enough": "answer", "unfinished": "conclude"}
    )
    graph.add_edge("conclude", "answer")
    graph.add_edge("answer", END)
    return graph
