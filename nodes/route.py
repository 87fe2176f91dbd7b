"""route: decide by a question's difficulty which strategy takes it, and say why."""

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

__all__ = ["FROM_PILOTS", "route_question", "exit_after_routing"]

FROM_PILOTS = "single"
"""The setting of which nothing is left to do once there are pilots: the answer is theirs."""


def route_question(
    policy: Policy,
    estimate: DifficultyEstimator,
    taken: Mapping[StrategyConfig, ResolvedConfig],
    *,
    budget: float | None = None,
) -> PureNode:
    """Return the node that writes down which setting takes the question.

    Args:
        policy: what each difficulty calls for.
        estimate: how difficult the question is.
        taken: for each setting of the policy what will do its work.
        budget: for this question, in the policy's unit, pilots included; None takes the run's own limit in that unit.
    """

    def node(state: SearchState) -> Update:
        tree = Tree.of(state)
        difficulty = estimate(tree)
        if not 0 <= difficulty <= 1:
            raise ConfigurationError(f"A difficulty lies in [0, 1]; the estimate of this search gave {difficulty}.")
        choice = policy.choose(difficulty, getattr(tree.settings.budget, policy.unit) if budget is None else budget)
        setting, why = taken[choice.config]
        name = setting.label
        if tree.stop_reason is not None:
            name, why = FROM_PILOTS, "The budget of the run ended in the pilots: the answer is the best of theirs."
        update: Update = {
            "route": Route(
                difficulty=difficulty,
                estimator=policy.estimator,
                bin=choice.bin,
                config=name,
                reason=choice.reason,
                fallback=why,
            )
        }
        emit(update)
        return update

    return node


def exit_after_routing(state: SearchState) -> str:
    """Name the exit behind `route_question`: the label of the setting that takes the question."""
    return cast(Route, state["route"])["config"]
