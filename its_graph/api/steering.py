"""Steering schedules: translates the `steer` field of a request to the rule that the strategy takes."""

from typing import Any

from its_graph.api.errors import ApiError
from its_graph.api.schemas import SteeringSchedule
from its_graph.catalog.registry import Strategy
from its_graph.errors import ConfigurationError
from its_graph.nodes.rules.steering import every, when_uncertain
from its_graph.nodes.rules.types import AskRule

__all__ = ["steering_options"]


def steering_options(strategy: Strategy, schedule: SteeringSchedule | None) -> dict[str, Any]:
    """Return the factory option that implements `schedule`; empty for None.

    Raises:
        ApiError: the strategy does not support steering, or the schedule is invalid.
    """
    if schedule is None:
        return {}
    if "ask" not in strategy.options:
        raise ApiError(422, f"{strategy.name} does not support steering. Use a step search or MCTS.", param="steer")
    try:
        return {"ask": _rule(schedule)}
    except ConfigurationError as error:
        raise ApiError(422, str(error), param="steer") from error


def _rule(schedule: SteeringSchedule) -> AskRule:
    if schedule.uncertain is not None:
        return when_uncertain(*schedule.uncertain)
    assert schedule.every is not None  # validated: exactly one of the two is set
    return every(schedule.every)
