"""When a search asks a person how to go on: from a request to the rule that the strategy takes."""

from typing import Any

from its_graph.api.errors import ApiError
from its_graph.api.schemas import AskWhen
from its_graph.catalog.registry import Strategy
from its_graph.errors import ConfigurationError
from its_graph.nodes.rules.steering import AskRule, every, when_uncertain

__all__ = ["ask_rule"]


def ask_rule(strategy: Strategy, wanted: AskWhen | None) -> dict[str, Any]:
    """Return the option of the factory that `wanted` stands for; none where nothing is wanted.

    Raises:
        ApiError: the strategy cannot be steered, or not like this.
    """
    if wanted is None:
        return {}
    if "ask" not in strategy.options:
        raise ApiError(422, f"{strategy.name} cannot be steered: only step searches and MCTS can.", param="steer")
    try:
        return {"ask": _rule(wanted)}
    except ConfigurationError as error:
        raise ApiError(422, str(error), param="steer") from error


def _rule(wanted: AskWhen) -> AskRule:
    if wanted.unsure is not None:
        return when_uncertain(*wanted.unsure)
    assert wanted.every is not None  # it is one of the two
    return every(wanted.every)
