"""mcts: Monte Carlo tree search over reasoning steps (UCT, Kocsis and Szepesvari 2006; PUCT: AlphaMath 2405.03553).

1. Select: from the root down to the most promising leaf by UCB1 or PUCT, several leaves a round, kept apart by virtual
loss. 2. Expand each by `branch` next steps. 3. Simulate, if rollouts count: take each new step to the end in one go;
such a solution is a candidate too. 4. Verify the new paths; their scores are backed up to the root by a fold. Repeat
until n solutions' worth of tokens is generated, the iterations are spent, or the tree is exhausted: a finished path is
never selected again. 5. Answer by the weighted vote over the finished.
Cost: about the tokens of n whole solutions, at most iterations x branch (generate + verify) steps; with simulation each
distinct step costs a whole solution more.
When: a process reward model that values beginnings reliably (its score of the last step, not the minimum over steps, by
which deep paths always lose), problems of many steps, and budgets in which a beam loses the right path. Often no better
than best_of_n at equal cost (7B models on MATH-500: 87.2 against 87.6, OpenR), and slower, round after round.
"""

from its_graph.contracts import Generator, Verifier
from its_graph.graphs.build import SearchGraph, require, search_graph
from its_graph.graphs.rounds import end_rounds
from its_graph.nodes.answer import answer
from its_graph.nodes.expand import expand
from its_graph.nodes.generate import complete
from its_graph.nodes.rules.choice import to_unit, weighted
from its_graph.nodes.rules.stopping import out_of_steps
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
    """Grow a tree of steps where its scores, and what is not known yet, promise most.

    Args:
        generator: where steps come from; it must continue a prefix.
        verifier: a process reward model; with `rollout_weight=1` one that judges whole solutions will do.
        n: size of the search, in whole solutions: it stops when it has generated as many tokens as n of those that it
            completed, so that it costs about as much as best_of_n. Never before the first is complete.
        iterations: leaves expanded at most, the root included.
        branch: steps sampled below a leaf.
        leaves: leaves expanded in one round, in one batch; 1 is the textbook's search.
        exploration: weight of what is not known yet (c); with `puct` 1.25 is usual.
        rule: `ucb1` or `puct` of `its_graph.nodes.tree_search.bandit`, or your own.
        max_steps: the longest path, without its simulation.
        rollout_weight: how much a step's simulation counts against its own score: 0 draws none, 1 leaves beginnings
            unjudged.
        choose: how the winner is found among the finished: `weighted` (default), `argmax`, or `most_visited` of
            `its_graph.nodes.tree_search.backup`.
        ask: when a person is asked how to go on: `every` or `when_unsure` of `its_graph.nodes.rules.steering`; None never.
    """
    require(
        min(n, iterations, branch, leaves, max_steps) >= 1,
        "mcts needs at least one of each.",
        n=n,
        iterations=iterations,
        branch=branch,
        leaves=leaves,
        max_steps=max_steps,
    )
    require(exploration >= 0, "mcts needs exploration >= 0.", exploration=exploration)
    require(0 <= rollout_weight <= 1, "mcts mixes by a rollout_weight in [0, 1].", rollout_weight=rollout_weight)
    simulating = rollout_weight > 0
    reading = new_paths if rollout_weight < 1 else simulated_paths
    grown = search_stats(max_steps, simulating=simulating)
    priority = bandit_priority(rule, exploration, backup(to_unit(verifier.score_range), rollout_weight), grown)
    descent = descend(grown, priority, leaves=leaves, branch=branch, iterations=iterations, spare=int(simulating))
    # Behind its decision: steer, expand, simulate, verify, the next decision, finish, answer.
    rest = out_of_steps(5 + simulating + (ask is not None))
    ends = (exhausted(grown), stop_after_tokens_of(n), stop_on_failures(max(8, leaves * branch)), rest)
    ripe = open_leaves(grown, leaves=leaves)
    graph = search_graph("mcts", n=n, iterations=iterations)
    graph.add_node("expand", expand(generator, n=branch, verifier=verifier, ahead=None if simulating else verifier))
    graph.add_node("verify", verify(verifier, reading))
    graph.add_node("select", select(descent, *ends, at_end=ripe))
    graph.add_node("finish", complete(generator))
    graph.add_node("answer", answer(choose or weighted(verifier.score_range)))
    graph.add_edge("question", "expand")
    if simulating:
        graph.add_node("simulate", simulate(generator, verifier, reading))
        graph.add_edge("expand", "simulate")
    graph.add_edge("simulate" if simulating else "expand", "verify")
    graph.add_edge("verify", "select")
    end_rounds(graph, generator, ask, max_steps=max_steps, at_end=ripe)
    return graph
