"""budget_forcing: hold the length of the thinking between a floor and a ceiling (s1: Muennighoff et al. 2501.19393).

1. Think until the model ends its thinking, or to the ceiling. 2. Where it ended by itself, drop the end and put `Wait`
in its place, `ignores` times; at the ceiling it is cut. 3. Conclude: behind the end of the thinking (a forced one, with
`Final Answer:`, where it was cut) the answer is drawn, under a limit of its own. 4. Answer by vote over n of these.
Cost: at most n (ignores + 2) generations; every one reads the thinking so far again, from a prefix cache where it can.
When: the model thinks before it answers and its thinking must fit a time or token limit, or is too short. The ceiling
is exact. The floor gains little: in the authors' figures more `Wait` is neither monotone nor more than noise on 30
questions, and 2506.04210 and 2512.19585 find that it saturates. A model that does not think apart (style `turn`) is
asked to look again at its finished solution; untrained for it, it may spoil a right one.
"""

from langgraph.graph import END

from its_graph.contracts import Generator
from its_graph.graphs.build import SearchGraph, require, search_graph
from its_graph.nodes.answer import answer
from its_graph.nodes.rules.choice import majority
from its_graph.nodes.rules.stopping import out_of_steps
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
    """Prolong thinking with `Wait`, or cut it off, and answer.

    Args:
        generator: a model that continues a prefix and returns its thinking inside the text.
        n: thoughts side by side; their answers vote.
        ignores: how often the end of a thinking is ignored (1, 2, 4 and 6 in the paper); 0 only cuts.
        max_thinking_tokens: longest thinking in generated tokens, prolonged ones included. None takes `max_tokens` of
            the run, which else is the limit of the answer.
        answer_tokens: longest answer in generated tokens (100 in s1's harness). None takes `max_tokens` of the run.
        wait: what is put in the place of an ignored end, instead of the style's own; in the paper also the empty text,
            "Hmm" and "Alternatively".
        style: how thinking ends, a `ThinkStyle` or its name: `think` (`</think>`), `s1`, `turn` (with the model's
            turn). None takes the generator's own.
        choose: how the winner is found.
    """
    require(n >= 1 and ignores >= 0, "budget_forcing needs n >= 1 and ignores >= 0.", n=n, ignores=ignores)
    for name, limit in {"max_thinking_tokens": max_thinking_tokens, "answer_tokens": answer_tokens}.items():
        require(limit is None or limit >= 1, f"{name} must be at least 1, or None.", **{name: limit})
    own = think_style(style or generator.think_style)
    forcing = ThinkingLimits(own if wait is None else own._replace(wait=wait), ignores, max_thinking_tokens, answer_tokens)
    graph = search_graph("budget_forcing", n=n)
    graph.add_node("think", think(generator, forcing, n=n))
    graph.add_node("select", select(open_paths, stop_while_thinking(own, out_of_steps(4))))
    graph.add_node("conclude", conclude(generator, forcing))
    graph.add_node("answer", answer(choose))
    graph.add_edge("question", "think")
    graph.add_edge("think", "select")
    graph.add_conditional_edges(
        "select", next_conclude_or_stop(own), {"more": "think", "enough": "answer", "unfinished": "conclude"}
    )
    graph.add_edge("conclude", "answer")
    graph.add_edge("answer", END)
    return graph
