"""The graphs that searches run on: built once for what is asked for, and shared, as they hold no state."""

import json
from functools import lru_cache
from typing import Any

from langgraph.checkpoint.base import BaseCheckpointSaver

from its_graph.api.errors import ApiError
from its_graph.api.model_catalog import ModelCatalog, ResolvedModel
from its_graph.api.options import check_options
from its_graph.api.schemas import AskWhen, SearchRequest
from its_graph.api.steering import ask_rule
from its_graph.errors import ConfigurationError

__all__ = ["Graphs"]

_KEPT = 256


class Graphs:
    """Compiled graphs by what was asked for.

    Args:
        menu: what can be asked for.
        checkpointer: what they are compiled with.
    """

    def __init__(self, menu: ModelCatalog, checkpointer: BaseCheckpointSaver[Any]) -> None:
        self._menu, self._checkpointer = menu, checkpointer
        self._built = lru_cache(maxsize=_KEPT)(self._build)

    def of(self, choice: ResolvedModel, request: SearchRequest) -> Any:
        """Return the graph of a request.

        Raises:
            ApiError: it has an option that the strategy cannot take.
        """
        options = json.dumps(request.options, sort_keys=True)
        return self._built(choice.strategy.name, choice.model, options, request.steer)

    def _build(self, strategy: str, model: str, options: str, steer: AskWhen | None) -> Any:
        chosen, _, served, set_here = self._menu.choose(strategy, model)
        given = {**set_here, **check_options(chosen, json.loads(options)), **ask_rule(chosen, steer)}
        try:
            graph = chosen.create(served.generator, served.verifier, given)
        except ConfigurationError as error:
            raise ApiError(422, str(error), param="options") from error
        return graph.compile(name=chosen.name, checkpointer=self._checkpointer)
