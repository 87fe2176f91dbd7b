"""compute_optimal: estimate a question's difficulty, then search by the best strategy for it (Snell et al. 2408.03314).

    question -> pilots -> verify -> route
    route -> best_of_n n=8
    route -> beam_search
    route -> mcts
    route -(single)-> answer

1. Generate a few pilots. 2. Verify them, if scores are needed. 3. Route: their scores, or their agreement, give the
difficulty; a policy maps its bin and the budget to a strategy config. 4. That strategy continues the same search: there
is one ledger, and the pilots remain candidates for its answer.
Cost: the pilots, and what the chosen strategy costs; one over whole solutions counts the pilots as its first samples.
When: questions differ in difficulty, and a policy was fitted on questions like them (`its-graph calibrate`): then it
spends where it helps. Without one it uses a rule of thumb, which every result reports; that shows how routing works,
and may well do worse than best_of_n for every question.
"""

from collections.abc import Hashable, Sequence
from pathlib import Path

from langgraph.graph import END

from its_graph.catalog.registry import strategy
from its_graph.catalog.strategy_config import StrategyConfig
from its_graph.contracts import Generator, Verifier
from its_graph.errors import ConfigurationError
from its_graph.graphs.build import SearchGraph, search_graph
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

_RESERVED = str.maketrans("|:", "/=")
"""LangGraph reserves these two characters in the names of nodes."""


def create_compute_optimal(
    generator: Generator,
    verifier: Verifier | None = None,
    *,
    policy: Policy | Path | str | None = None,
    budget: float | None = None,
    estimate: DifficultyEstimator | None = None,
) -> SearchGraph:
    """Estimate a question's difficulty from a few samples and search it with the strategy that suits it.

    Compute-optimal scaling (Snell et al. 2408.03314). Cost: the pilots, and what the chosen strategy costs. When:
    questions differ in difficulty, and a policy was fitted on questions like them.

    Args:
        generator: source of the solutions.
        verifier: reward model. Without one, strategies that need it are replaced by `self_consistency`.
        policy: maps difficulty and budget to a strategy config, or the path of a file with a fitted policy; None uses
            `default_policy` of `its_graph.routing.default_policy`, a rule of thumb.
        budget: budget of a question, in the policy's unit, pilots included. None uses the run's own limit in that unit,
            or else the largest budget of the policy. It only selects a config; the run's limit is the one enforced.
        estimate: difficulty estimator that replaces the policy's own.

    Raises:
        ConfigurationError: if the policy cannot be applied with these models.

    >>> from its_graph import SearchContext
    >>> from its_graph.graphs import create_compute_optimal
    >>> from its_graph.testing import ToyGenerator, ToyVerifier
    >>> graph = create_compute_optimal(ToyGenerator(), ToyVerifier()).compile()
    >>> result = graph.invoke({"problem": "Add 3, 5, 4."}, context=SearchContext(seed=7))["result"]
    >>> result["answer"], result["route"]["config"]
    ('12', 'best_of_n n=8')
    """
    require_standalone("compute_optimal", "a policy routes to a strategy, not to another policy.")
    routing = _policy(policy, verifier)
    resolved = {config: resolve_config(config, generator, verifier) for config in routing.configs}
    needs_scores = routing.estimator == "verifier" or any(map(_takes_verifier, resolved.values()))
    pilot_verifier = verifier if needs_scores else None
    configs = list(dict.fromkeys(entry.config for entry in resolved.values()))
    from_pilots = [config for config in configs if routing.pilots and config.strategy == FROM_PILOTS]
    graph = search_graph("compute_optimal", n=max(routing.pilots, 1))
    last = _add_pilots(graph, generator, pilot_verifier, routing.pilots) if routing.pilots else "question"
    estimator = estimate or difficulty_estimator(routing, generator, verifier)
    graph.add_node("route", route_question(routing, estimator, resolved, budget=budget))
    graph.add_edge(last, "route")
    exits = _add_subsearches(graph, [config for config in configs if config not in from_pilots], generator, verifier)
    if routing.pilots:
        exits |= dict.fromkeys([FROM_PILOTS, *(config.label for config in from_pilots)], "answer")
    graph.add_conditional_edges("route", exit_after_routing, exits)
    return graph


def _add_pilots(graph: SearchGraph, generator: Generator, verifier: Verifier | None, n: int) -> str:
    """Add the nodes that draw pilots, and the one that answers from them; return the last node before routing."""
    graph.add_node("pilots", generate(generator, n=n, verifier=verifier))
    graph.add_node("answer", answer(majority if verifier is None else weighted(verifier.score_range)))
    graph.add_edge("question", "pilots")
    graph.add_edge("answer", END)
    if verifier is None:
        return "pilots"
    graph.add_node("verify", verify(verifier))
    graph.add_edge("pilots", "verify")
    return "verify"


def _add_subsearches(
    graph: SearchGraph, configs: Sequence[StrategyConfig], generator: Generator, verifier: Verifier | None
) -> dict[Hashable, str]:
    """Add each config as a subgraph that continues the search; return the exits that lead to them."""
    exits: dict[Hashable, str] = {}
    for config in configs:
        with as_subsearch():
            subsearch = config.create(generator, verifier)
        if subsearch.output_schema is not SearchState:
            raise ConfigurationError(
                f"{config.strategy} cannot be part of another search: its graph must start with `search_graph`."
            )
        node = exits[config.label] = config.label.translate(_RESERVED)
        graph.add_node(node, subsearch.compile(name=config.strategy))
        graph.add_edge(node, END)
    return exits


def _policy(policy: Policy | Path | str | None, verifier: Verifier | None) -> Policy:
    if policy is None:
        return default_policy("agreement" if verifier is None else "verifier")
    return policy if isinstance(policy, Policy) else Policy.load(Path(policy))


def _takes_verifier(resolved: ResolvedConfig) -> bool:
    return strategy(resolved.config.strategy).takes_verifier
