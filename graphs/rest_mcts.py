"""rest_mcts: the search of ReST-MCTS* (Zhang et al. 2406.03816), a tree search guided by a value model.

    question -> expand -> verify -> rollout_1 -> rollout_2 -> rollout_3 -> verify_rollout -> select
    select -(more)-> expand
    select -(enough)-> answer
    select -(unfinished)-> finish -> answer

1. Select: from the root down by V + c sqrt(2 ln N_parent / N); an unvisited child counts V + 1. 2. Expand the leaf by
`branch` next steps. 3. Verify them. 4. Simulate: roll the best of them out by a few greedy steps and verify each;
V = (1 - alpha) V + alpha (best V on the way). 5. Back up: a node's V is the mean of its children's, weighted by their
visits. Repeat until a solution is as good as `end_gate`, n solutions' worth of tokens is generated, the iterations are
used up, or the tree is exhausted. 6. Answer by the sum of values per answer.
Cost: about the tokens of n whole solutions, at most iterations x (branch + rollout_steps) (generate + verify) steps.
When: a value model that says how near a beginning is to a right solution, and time: leaves are expanded one by one.
With a model that merely spots wrong steps mcts, which expands several at once, does as well for less.

The self-critic of the paper, which is asked before each expansion whether the solution has ended, is replaced by the
generator's own end of a solution. An end gate on beginnings would stop at the first good step of an ordinary reward
model, so only complete solutions pass it; those that do not are never selected again.
"""

from its_graph.contracts import Generator, Verifier
from its_graph.graphs.build import SearchGraph, recursion_guard, require, require_at_least_one, search_graph
from its_graph.graphs.step_search import add_chain, add_exits
from its_graph.nodes.answer import answer
from its_graph.nodes.expand import expand
from its_graph.nodes.generate import complete
from its_graph.nodes.rules.choice import to_unit, weighted
from its_graph.nodes.rules.types import AskRule, ChoiceRule
from its_graph.nodes.select import select
from its_graph.nodes.simulate import rollout, rollout_paths
from its_graph.nodes.tree_search.descent import descend, exhausted, open_leaves, search_stats, stop_on_failures
from its_graph.nodes.tree_search.rest_values import end_gate_reached, rest_priority, rest_values
from its_graph.nodes.tree_search.token_budget import stop_after_tokens_of
from its_graph.nodes.verify import verify

__all__ = ["create_rest_mcts"]


def create_rest_mcts(
    generator: Generator,
    verifier: Verifier,
    *,
    n: int = 16,
    iterations: int = 50,
    branch: int = 3,
    exploration: float = 0.7,
    alpha: float = 0.5,
    rollout_steps: int = 3,
    end_gate: float = 0.9,
    max_steps: int = 40,
    choose: ChoiceRule | None = None,
    ask: AskRule | None = None,
) -> SearchGraph:
    """Grow a tree of steps by a value model and short greedy rollouts, until a solution is good enough.

    ReST-MCTS* (Zhang et al. 2406.03816). Cost: about the tokens of n whole solutions. When: a value model says how near
    a beginning is to a right solution, and latency does not matter.

    Args:
        generator: source of the steps; must be able to continue a prefix.
        verifier: process reward model, ideally one trained on values.
        n: size of the search, in whole solutions, >= 1: it stops when it has generated as many tokens as n of the
            solutions that it completed. Never before the first is complete.
        iterations: maximum number of leaves expanded, the root included; >= 1.
        branch: steps sampled below a leaf, >= 1; duplicates count once.
        exploration: weight of exploration (c); >= 0.
        alpha: share of the best value on the rollout in the value of the step that it started from, in [0, 1].
        rollout_steps: greedy steps of a rollout, >= 0; 0 draws no rollouts.
        end_gate: value in [0, 1] at which a complete solution ends the search; above 1 none does.
        max_steps: longest path in steps, without its rollout; >= 1.
        choose: how to choose among the finished paths: `weighted` (default) sums values per answer, `argmax` takes the
            best.
        ask: when to ask a person: `every` or `when_uncertain` of `its_graph.nodes.rules.steering`; None never asks.

    Raises:
        ConfigurationError: if an option is out of range.
        ContinuationError: if the generator cannot continue a prefix.

    >>> from its_graph import SearchContext
    >>> from its_graph.graphs import create_rest_mcts
    >>> from its_graph.testing import ToyGenerator, ToyVerifier
    >>> graph = create_rest_mcts(ToyGenerator(), ToyVerifier(), n=4).compile()
    >>> graph.invoke({"problem": "Add 3, 5, 4."}, context=SearchContext(seed=7))["answer"]
    '12'
    """
    require_at_least_one("rest_mcts", n=n, iterations=iterations, branch=branch, max_steps=max_steps)
    require(exploration >= 0, "rest_mcts needs exploration >= 0", exploration=exploration)
    require(0 <= alpha <= 1, "rest_mcts needs 0 <= alpha <= 1", alpha=alpha)
    require(rollout_steps >= 0, "rest_mcts needs rollout_steps >= 0", rollout_steps=rollout_steps)
    scale = to_unit(verifier.score_range)
    stats = search_stats(max_steps)
    priority = rest_priority(exploration, rest_values(scale, alpha), stats)
    descent = descend(stats, priority, leaves=1, branch=branch, iterations=iterations, spare=1)
    at_end = open_leaves(stats, leaves=1)
    graph = search_graph("rest_mcts", n=n, iterations=iterations)
    failures = stop_on_failures(max(8, branch))
    stop = (
        end_gate_reached(scale, end_gate),
        exhausted(stats),
        stop_after_tokens_of(n),
        failures,
        recursion_guard(graph),
    )
    graph.add_node("expand", expand(generator, n=branch, verifier=verifier))
    graph.add_node("verify", verify(verifier))
    graph.add_node("verify_rollout", verify(verifier, rollout_paths))
    graph.add_node("select", select(descent, *stop, at_end=at_end))
    graph.add_node("finish", complete(generator))
    graph.add_node("answer", answer(choose or weighted(verifier.score_range)))
    graph.add_edge("question", "expand")
    graph.add_edge("expand", "verify")
    rollouts = [(f"rollout_{step}", rollout(generator, verifier, step)) for step in range(1, rollout_steps + 1)]
    add_chain(graph, "verify", rollouts, "verify_rollout")
    graph.add_edge("verify_rollout", "select")
    add_exits(graph, generator, ask, max_steps=max_steps, at_end=at_end)
    return graph
