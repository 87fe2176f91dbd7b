"""route: choose a strategy by the estimated difficulty of the question, and record why."""

from collections.abc import Mapping
from typing import cast

from its_graph.catalog.strategy_config import StrategyConfig
from its_graph.errors import ConfigurationError
from its_graph.routing.difficulty import DifficultyEstimator
from its_graph.routing.fallback import ResolvedConfig
from its_graph.routing.policy import Policy
from its_graph.search.events import emit
from its_graph.search.result import Route
from its_graph.search.state import PureNode, SearchState, Update
from its_graph.search.tree import Tree

__all__ = ["FROM_PILOTS", "exit_after_routing", "route_question"]

FROM_PILOTS = "single"
"""The strategy config that needs no further work once there are pilots: the answer is chosen from them."""


def route_question(
    policy: Policy,
    estimate: DifficultyEstimator,
    resolved: Mapping[StrategyConfig, ResolvedConfig],
    *,
    budget: float | None = None,
) -> PureNode:
    """Return the node that records which strategy config answers the question.

    Args:
        policy: maps difficulty and budget to a strategy config.
        estimate: estimates the difficulty of the question, in [0, 1].
        resolved: for each strategy config of the policy, the one that runs in its place.
        budget: budget of this question, in the policy's unit, pilots included; None uses the run's limit in that unit.
    """

    def node(state: SearchState) -> Update:
        tree = Tree.of(state)
        difficulty = estimate(tree)
        if not 0 <= difficulty <= 1:
            raise ConfigurationError(f"A difficulty estimate must be in [0, 1]; got {difficulty}.")
        choice = policy.choose(difficulty, getattr(tree.settings.budget, policy.unit) if budget is None else budget)
        config, fallback = resolved[choice.config]
        label = config.label
        if tree.stop_reason is not None:
            label = FROM_PILOTS
            fallback = "The pilots used up the budget of the run: the answer is the best of the pilots."
        update: Update = {
            "route": Route(
                difficulty=difficulty,
                estimator=policy.estimator,
                bin=choice.bin,
                config=label,
                reason=choice.reason,
                fallback=fallback,
            )
        }
        emit(update)
        return update

    return node


def exit_after_routing(state: SearchState) -> str:
    """Return the exit after `route_question`: the label of the strategy config that answers the question."""
    return cast(Route, state["route"])["config"]
