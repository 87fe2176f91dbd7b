"""rest_mcts: the search of ReST-MCTS* (Zhang et al. 2406.03816), a tree search guided by a value model.

1. Select: from the root down by V + c sqrt(2 ln N_parent / N); a child without a visit counts V + 1. 2. Expand the leaf
by `branch` next steps. 3. Verify them. 4. Simulate: roll the best of them a few greedy steps further and judge each;
V = (1 - alpha) V + alpha (best V on the way). 5. Back up: a node's V is the mean of its children's, weighted by their
visits. Repeat until a solution is as good as `end_gate`, n solutions' worth of tokens is generated, the iterations are
spent, or the tree is exhausted. 6. Answer by the sum of values per answer.
Cost: about the tokens of n whole solutions, at most iterations x (branch + rollout_steps) (generate + verify) steps.
When: a value model of how near a beginning is to a right solution, and time: leaves are expanded one after another.
With a model that merely spots wrong steps mcts, which expands several at once, does as well for less.

The self-critic of the paper, asked before each expansion whether the solution has ended, is the generator's own end of
a solution here. An end gate on beginnings would stop at the first good step of an ordinary reward model, so only
complete solutions pass it; those that do not are never selected again.
"""

from its_graph.contracts import Generator, Verifier
from its_graph.graphs.build import SearchGraph, require, search_graph
from its_graph.graphs.rounds import end_rounds
from its_graph.nodes.answer import answer
from its_graph.nodes.expand import expand
from its_graph.nodes.generate import complete
from its_graph.nodes.rules.choice import to_unit, weighted
from its_graph.nodes.rules.stopping import out_of_steps
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

    Args:
        generator: where steps come from; it must continue a prefix.
        verifier: a process reward model, at best one trained on values.
        n: size of the search, in whole solutions: it stops when it has generated as many tokens as n of those that it
            completed. Never before the first is complete.
        iterations: leaves expanded at most, the root included.
        branch: steps sampled below a leaf; equal ones count once.
        exploration: weight of what is not known yet (c).
        alpha: share of the best value seen on the rollout in the value of the step it began at.
        rollout_steps: greedy steps of a rollout; 0 rolls nothing out.
        end_gate: value in [0, 1] at which a complete solution ends the search; above 1 none does.
        max_steps: the longest path, without its rollout.
        choose: how the winner is found among the finished: `weighted` (default) sums values per answer, `argmax` takes
            the best.
        ask: when a person is asked how to go on: `every` or `when_unsure` of `its_graph.nodes.rules.steering`; None never.
    """
    require(
        min(n, iterations, branch, max_steps) >= 1,
        "rest_mcts needs at least one of each.",
        n=n,
        iterations=iterations,
        branch=branch,
        max_steps=max_steps,
    )
    require(exploration >= 0, "rest_mcts needs exploration >= 0.", exploration=exploration)
    require(0 <= alpha <= 1, "rest_mcts mixes by an alpha in [0, 1].", alpha=alpha)
    require(rollout_steps >= 0, "rest_mcts needs rollout_steps >= 0.", rollout_steps=rollout_steps)
    scale = to_unit(verifier.score_range)
    grown = search_stats(max_steps)
    priority = rest_priority(exploration, rest_values(scale, alpha), grown)
    descent = descend(grown, priority, leaves=1, branch=branch, iterations=iterations, spare=1)
    # Behind its decision: steer, expand, verify, rollouts, judge, the next decision, finish, answer.
    limits = (
        stop_after_tokens_of(n),
        stop_on_failures(max(8, branch)),
        out_of_steps(6 + rollout_steps + (ask is not None)),
    )
    ripe = open_leaves(grown, leaves=1)
    ends = (end_gate_reached(scale, end_gate), exhausted(grown), *limits)
    graph = search_graph("rest_mcts", n=n, iterations=iterations)
    graph.add_node("expand", expand(generator, n=branch, verifier=verifier, ahead=verifier))
    graph.add_node("verify", verify(verifier))
    graph.add_node("judge", verify(verifier, rollout_paths))
    graph.add_node("select", select(descent, *ends, at_end=ripe))
    graph.add_node("finish", complete(generator))
    graph.add_node("answer", answer(choose or weighted(verifier.score_range)))
    graph.add_edge("question", "expand")
    graph.add_edge("expand", "verify")
    last = "verify"
    for step in range(1, rollout_steps + 1):
        graph.add_node(f"rollout_{step}", rollout(generator, verifier, step))
        graph.add_edge(last, f"rollout_{step}")
        last = f"rollout_{step}"
    graph.add_edge(last, "judge")
    graph.add_edge("judge", "select")
    end_rounds(graph, generator, ask, max_steps=max_steps, at_end=ripe)
    return graph
