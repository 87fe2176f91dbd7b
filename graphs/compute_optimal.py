"""compute_optimal: estimate how hard a question is, then search it with what pays for such (Snell et al. 2408.03314).

1. Generate a few pilots. 2. Verify them, where scores are wanted. 3. Route: their scores, or their agreement, tell the
difficulty; a policy names the strategy for its bin and the budget. 4. That strategy goes on in the same search: the
ledger is one, and the pilots stay candidates of its answer.
Cost: the pilots, and what the chosen strategy costs; one over whole solutions counts the pilots as its first samples.
When: questions differ in difficulty, and a policy was fitted on questions like them (`its-graph calibrate`): then it
spends on those where it helps. Without one it goes by a rule of thumb, which every result says; that shows how it
works, and may well do worse than best_of_n for each.
"""

from collections.abc import Hashable, Sequence
from pathlib import Path

from langgraph.graph import END

from its_graph.catalog.registry import strategy
from its_graph.catalog.strategy_config import StrategyConfig
from its_graph.contracts import Generator, Verifier
from its_graph.graphs.build import SearchGraph, require, search_graph
from its_graph.graphs.subsearch import as_subsearch, require_standalone
from its_graph.nodes.answer import answer
from its_graph.nodes.difficulty import difficulty_estimator
from its_graph.nodes.generate import generate
from its_graph.nodes.route import FROM_PILOTS, exit_after_routing, route_question
from its_graph.nodes.rules.choice import majority, weighted
from its_graph.nodes.verify import verify
from its_graph.routing.default_policy import default_policy
from its_graph.routing.difficulty import DifficultyEstimator
from its_graph.routing.fallback import ResolvedConfig, resolve_config
from its_graph.routing.policy import Policy
from its_graph.search.state import SearchState

__all__ = ["create_compute_optimal"]

_FREE = str.maketrans("|:", "/=")
"""LangGraph keeps these two for itself in the names of nodes."""


def create_compute_optimal(
    generator: Generator,
    verifier: Verifier | None = None,
    *,
    policy: Policy | Path | str | None = None,
    budget: float | None = None,
    estimate: DifficultyEstimator | None = None,
) -> SearchGraph:
    """Estimate a question's difficulty from a few samples and search it with the strategy that pays there.

    Args:
        generator: where solutions come from.
        verifier: a reward model. Without one, strategies that need it give way to `self_consistency`.
        policy: what each difficulty calls for, or the file of one that was fitted; None is `default_policy` of
            `its_graph.routing.default_policy`, a rule of thumb.
        budget: for a question, in the policy's unit, pilots included; None takes the run's own limit in that unit, and
            where there is none the largest budget of the policy. It chooses among settings; the run's limit is what
            holds.
        estimate: how difficulty is read, in place of the policy's own estimator.
    """
    require_standalone("compute_optimal", "a route leads to a strategy, not to another route.")
    plan = _policy(policy, verifier)
    taken = {setting: resolve_config(setting, generator, verifier) for setting in plan.configs}
    judge = verifier if plan.estimator == "verifier" or any(map(_verifies, taken.values())) else None
    settings = list(dict.fromkeys(one.config for one in taken.values()))
    from_pilots = [one for one in settings if plan.pilots and one.strategy == FROM_PILOTS]
    graph = search_graph("compute_optimal", n=max(plan.pilots, 1))
    last = _add_pilots(graph, generator, judge, plan.pilots) if plan.pilots else "question"
    graph.add_node(
        "route",
        route_question(plan, estimate or difficulty_estimator(plan, generator, verifier), taken, budget=budget),
    )
    graph.add_edge(last, "route")
    exits = _add_parts(graph, [one for one in settings if one not in from_pilots], generator, verifier)
    if plan.pilots:
        exits |= dict.fromkeys([FROM_PILOTS, *(one.label for one in from_pilots)], "answer")
    graph.add_conditional_edges("route", exit_after_routing, exits)
    return graph


def _add_pilots(graph: SearchGraph, generator: Generator, judge: Verifier | None, n: int) -> str:
    """Add what draws the pilots, and what answers from them; return the node behind which they can be read."""
    graph.add_node("pilots", generate(generator, n=n, verifier=judge, ahead=judge))
    graph.add_node("answer", answer(majority if judge is None else weighted(judge.score_range)))
    graph.add_edge("question", "pilots")
    graph.add_edge("answer", END)
    if judge is None:
        return "pilots"
    graph.add_node("verify", verify(judge))
    graph.add_edge("pilots", "verify")
    return "verify"


def _add_parts(
    graph: SearchGraph, settings: Sequence[StrategyConfig], generator: Generator, verifier: Verifier | None
) -> dict[Hashable, str]:
    """Add each setting as a subgraph that goes on with the search; return the exits that lead there."""
    exits: dict[Hashable, str] = {}
    for setting in settings:
        with as_subsearch():
            part = setting.create(generator, verifier)
        require(
            part.output_schema is SearchState,
            "A strategy can be part of another search only if it begins with `search_graph`.",
            strategy=setting.strategy,
        )
        node = exits[setting.label] = setting.label.translate(_FREE)
        graph.add_node(node, part.compile(name=setting.strategy))
        graph.add_edge(node, END)
    return exits


def _policy(given: Policy | Path | str | None, verifier: Verifier | None) -> Policy:
    if given is None:
        return default_policy("agreement" if verifier is None else "verifier")
    return given if isinstance(given, Policy) else Policy.load(Path(given))


def _verifies(taken: ResolvedConfig) -> bool:
    return strategy(taken.config.strategy).takes_verifier
