"""When a search asks a person how to go on: from a request to the rule that the strategy takes."""

from typing import Any

from its_graph.api.errors import ApiError
from its_graph.api.wire import EveryRounds, WhenUnsure
from its_graph.errors import ConfigurationError
from its_graph.nodes.steering import every, when_unsure
from its_graph.registry import Strategy

__all__ = ["ask_rule"]


def ask_rule(strategy: Strategy, wanted: EveryRounds | WhenUnsure | None) -> dict[str, Any]:
    """Return the option of the factory that `wanted` stands for; none where nothing is wanted.

    Raises:
        ApiError: the strategy cannot be steered, or not like this.
    """
    if wanted is None:
        return {}
    if "ask" not in strategy.options:
        raise ApiError(422, f"{strategy.name} cannot be steered: only step searches and MCTS can.", param="steer")
    try:
        return {"ask": every(wanted.every) if isinstance(wanted, EveryRounds) else when_unsure(*wanted.unsure)}
    except ConfigurationError as error:
        raise ApiError(422, str(error), param="steer") from error
