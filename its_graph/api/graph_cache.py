"""Compiled graphs of requests: built once per combination of options and shared, since graphs hold no state."""

import json
from functools import lru_cache
from typing import Any

from langgraph.checkpoint.base import BaseCheckpointSaver

from its_graph.api.errors import ApiError
from its_graph.api.model_catalog import ModelCatalog, ResolvedModel
from its_graph.api.options import validate_options
from its_graph.api.schemas import SearchRequest, SteeringSchedule
from its_graph.api.steering import steering_options
from its_graph.errors import ConfigurationError

__all__ = ["GraphCache"]

_MAX_GRAPHS = 256


class GraphCache:
    """Compiled graphs by strategy, model and options.

    Args:
        catalog: available models and strategies.
        checkpointer: checkpointer that the graphs are compiled with.
    """

    def __init__(self, catalog: ModelCatalog, checkpointer: BaseCheckpointSaver[Any]) -> None:
        self._catalog, self._checkpointer = catalog, checkpointer
        self._cached_build = lru_cache(maxsize=_MAX_GRAPHS)(self._build)

    def get(self, resolved: ResolvedModel, request: SearchRequest) -> Any:
        """Return the graph of a request.

        Raises:
            ApiError: an option of the request is not valid for the strategy.
        """
        options = json.dumps(request.options, sort_keys=True)
        return self._cached_build(resolved.strategy.name, resolved.model, options, request.steer)

    def _build(self, strategy_name: str, model: str, options: str, steer: SteeringSchedule | None) -> Any:
        strategy, _, served, server_options = self._catalog.resolve(strategy_name, model)
        request_options = validate_options(strategy, json.loads(options))
        merged = {**server_options, **request_options, **steering_options(strategy, steer)}
        try:
            graph = strategy.create(served.generator, served.verifier, merged)
        except ConfigurationError as error:
            raise ApiError(422, str(error), param="options") from error
        return graph.compile(name=strategy.name, checkpointer=self._checkpointer)
