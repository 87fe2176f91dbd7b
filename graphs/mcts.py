"""mcts: Monte Carlo tree search over reasoning steps (UCT, Kocsis and Szepesvari 2006; PUCT: AlphaMath 2405.03553).

    question -> expand -> verify -> select
    select -(more)-> expand
    select -(enough)-> answer
    select -(unfinished)-> finish -> answer

1. Select: from the root down to the most promising leaf by UCB1 or PUCT, several leaves a round, kept apart by virtual
loss. 2. Expand each by `branch` next steps. 3. Simulate, if rollouts count: sample each new step to the end in one
call; such a solution is a candidate too. 4. Verify the new paths; their scores are backed up to the root by a fold.
Repeat until n solutions' worth of tokens is generated, the iterations are used up, or the tree is exhausted: a finished
path is never selected again. 5. Answer by the weighted vote over the finished.
Cost: about the tokens of n whole solutions, at most iterations x branch (generate + verify) steps; with simulation each
distinct step costs a whole solution more.
When: a process reward model that values beginnings reliably (its score of the last step, not the minimum over steps, by
which deep paths always lose), problems of many steps, and budgets in which a beam loses the right path. Often no better
than best_of_n at equal cost (7B models on MATH-500: 87.2 versus 87.6, OpenR), and slower, as rounds are sequential.
"""

from its_graph.contracts import Generator, Verifier
from its_graph.graphs.build import SearchGraph, recursion_guard, require, require_at_least_one, search_graph
from its_graph.graphs.step_search import add_exits
from its_graph.nodes.answer import answer
from its_graph.nodes.expand import expand
from its_graph.nodes.generate import complete
from its_graph.nodes.rules.choice import to_unit, weighted
from its_graph.nodes.rules.types import ArmRule, AskRule, ChoiceRule
from its_graph.nodes.select import select
from its_graph.nodes.simulate import simulate, simulated_paths
from its_graph.nodes.tree_search.backup import backup, bandit_priority
from its_graph.nodes.tree_search.bandit import ucb1
from its_graph.nodes.tree_search.descent import descend, exhausted, open_leaves, search_stats, stop_on_failures
from its_graph.nodes.tree_search.token_budget import stop_after_tokens_of
from its_graph.nodes.verify import new_paths, verify

__all__ = ["create_mcts"]


def create_mcts(
    generator: Generator,
    verifier: Verifier,
    *,
    n: int = 16,
    iterations: int = 100,
    branch: int = 3,
    leaves: int = 4,
    exploration: float = 1.414,
    rule: ArmRule = ucb1,
    max_steps: int = 40,
    rollout_weight: float = 0.0,
    choose: ChoiceRule | None = None,
    ask: AskRule | None = None,
) -> SearchGraph:
    """Grow a tree of steps where scores are high or uncertain, by UCT or PUCT.

    Kocsis and Szepesvari 2006; AlphaMath (2405.03553). Cost: about the tokens of n whole solutions. When: the verifier
    values beginnings reliably, and problems have many steps.

    Args:
        generator: source of the steps; must be able to continue a prefix.
        verifier: process reward model; with `rollout_weight=1` one that scores only whole solutions is sufficient.
        n: size of the search, in whole solutions, >= 1: it stops when it has generated as many tokens as n of the
            solutions that it completed, so that it costs about as much as best_of_n. Never before the first is
            complete.
        iterations: maximum number of leaves expanded, the root included; >= 1.
        branch: steps sampled below a leaf; >= 1.
        leaves: leaves expanded per round, in one batch, >= 1; 1 is the textbook algorithm.
        exploration: weight of exploration (c), >= 0; 1.25 is usual with `puct`.
        rule: `ucb1` or `puct` of `its_graph.nodes.tree_search.bandit`, or your own.
        max_steps: longest path in steps, without its simulation; >= 1.
        rollout_weight: weight of a step's simulation against its own score, in [0, 1]: 0 draws no simulations, 1 does
            not score beginnings.
        choose: how to choose among the finished paths: `weighted` (default), `argmax`, or `most_visited` of
            `its_graph.nodes.tree_search.backup`.
        ask: when to ask a person: `every` or `when_uncertain` of `its_graph.nodes.rules.steering`; None never asks.

    Raises:
        ConfigurationError: if an option is out of range.
        ContinuationError: if the generator cannot continue a prefix.

    >>> from its_graph import SearchContext
    >>> from its_graph.graphs import create_mcts
    >>> from its_graph.testing import ToyGenerator, ToyVerifier
    >>> graph = create_mcts(ToyGenerator(), ToyVerifier(), n=4).compile()
    >>> graph.invoke({"problem": "Add 3, 5, 4."}, context=SearchContext(seed=7))["answer"]
    '12'
    """
    require_at_least_one("mcts", n=n, iterations=iterations, branch=branch, leaves=leaves, max_steps=max_steps)
    require(exploration >= 0, "mcts needs exploration >= 0", exploration=exploration)
    require(0 <= rollout_weight <= 1, "mcts needs 0 <= rollout_weight <= 1", rollout_weight=rollout_weight)
    simulating = rollout_weight > 0
    reading = new_paths if rollout_weight < 1 else simulated_paths
    stats = search_stats(max_steps, simulating=simulating)
    priority = bandit_priority(rule, exploration, backup(to_unit(verifier.score_range), rollout_weight), stats)
    descent = descend(stats, priority, leaves=leaves, branch=branch, iterations=iterations, spare=int(simulating))
    at_end = open_leaves(stats, leaves=leaves)
    graph = search_graph("mcts", n=n, iterations=iterations)
    failures = stop_on_failures(max(8, leaves * branch))
    stop = (exhausted(stats), stop_after_tokens_of(n), failures, recursion_guard(graph))
    graph.add_node("expand", expand(generator, n=branch, verifier=verifier, prefetch=not simulating))
    graph.add_node("verify", verify(verifier, reading))
    graph.add_node("select", select(descent, *stop, at_end=at_end))
    graph.add_node("finish", complete(generator))
    graph.add_node("answer", answer(choose or weighted(verifier.score_range)))
    graph.add_edge("question", "expand")
    if simulating:
        graph.add_node("simulate", simulate(generator, verifier, reading))
        graph.add_edge("expand", "simulate")
    graph.add_edge("simulate" if simulating else "expand", "verify")
    graph.add_edge("verify", "select")
    add_exits(graph, generator, ask, max_steps=max_steps, at_end=at_end)
    return graph
