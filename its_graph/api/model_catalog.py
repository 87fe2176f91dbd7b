"""What a server offers: models by name, and which strategies each of them can serve."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from langchain_core.language_models import BaseChatModel

from its_graph.api.errors import ApiError
from its_graph.api.options import settable_options
from its_graph.catalog.registry import Strategy, strategies, strategy
from its_graph.contracts import Generator, Verifier
from its_graph.errors import ConfigurationError

__all__ = ["ModelCatalog", "ResolvedModel", "ServedModel"]

_PLAIN = "single"
"""The strategy behind the bare name of a model."""
_FAVOURITES = ("best_of_n", "self_consistency", _PLAIN)
"""What a request gets that names no strategy: the first of these that the model can serve."""


class ServedModel(NamedTuple):
    """A generator under a name, and what stands beside it."""

    generator: Generator
    verifier: Verifier | None = None
    chat_model: BaseChatModel | None = None
    """The same model as a LangChain chat model: requests with tools are answered by it."""


class ResolvedModel(NamedTuple):
    """A strategy, and the model that it runs on."""

    strategy: Strategy
    model: str
    served: ServedModel
    options: Mapping[str, Any]
    """What the server sets of the strategy, under what a request sets."""


class ModelCatalog:
    """Everything that a server offers.

    Args:
        models: by the names under which they are asked for; the first is the default.
        options: what the server sets, by strategy, in place of the strategy's own defaults.

    Raises:
        ConfigurationError: there is no model, or no such option.
    """

    def __init__(
        self, models: Mapping[str, ServedModel], options: Mapping[str, Mapping[str, Any]] = MappingProxyType({})
    ) -> None:
        if not models:
            raise ConfigurationError("There is no model to serve. Give at least one: {'name': ServedModel(generator)}.")
        self.models = dict(models)
        self.strategies = {one.name: one for one in strategies()}
        self._needs: dict[str, tuple[str, ...]] = {}
        self._options = dict(options)
        self._try_options()

    def _try_options(self) -> None:
        """Build what has options of the server once, so that a wrong one is told when it starts."""
        for name, options in self._options.items():
            one = strategy(name)
            for model, served in self.models.items():
                if not self.lacks(name, model):
                    one.create(served.generator, served.verifier, options)

    @property
    def default_model(self) -> str:
        """The name of the first model."""
        return next(iter(self.models))

    def default_strategy(self, model: str) -> str:
        """Return what a request gets that names no strategy."""
        return next(name for name in _FAVOURITES if not self.lacks(name, model))

    def needs(self, strategy: str) -> tuple[str, ...]:
        """Return what `strategy` cannot do without; found by trying, so it is found once."""
        if strategy not in self._needs:
            self._needs[strategy] = self.strategies[strategy].needs
        return self._needs[strategy]

    def lacks(self, strategy: str, model: str) -> list[str]:
        """Return what `strategy` needs and `model` does not have."""
        generator, verifier, _ = self.models[model]
        there: set[str] = {*generator.signals}
        there |= {"verifier"} if verifier is not None else set()
        there |= {"continuation"} if generator.can_continue else set()
        return [one for one in self.needs(strategy) if one not in there]

    def ids(self) -> list[str]:
        """Return the names of OpenAI's `model` field: `strategy/model`, and the bare model."""
        able = [f"{name}/{model}" for model in self.models for name in self.strategies if not self.lacks(name, model)]
        return [*self.models, *able]

    def choose(self, strategy: str | None, model: str | None) -> ResolvedModel:
        """Return what a request asks for.

        Raises:
            ApiError: there is no such model or strategy, or the one cannot serve the other.
        """
        model = self.default_model if model is None else model
        if model not in self.models:
            raise _unknown("model", model, self.models)
        name = self.default_strategy(model) if strategy is None else strategy
        if name not in self.strategies:
            raise _unknown("strategy", name, self.strategies)
        if lacks := self.lacks(name, model):
            able = ", ".join(one for one in self.strategies if not self.lacks(one, model))
            raise ApiError(
                422,
                f"{name} needs {', '.join(lacks)}, which {model} does not have. It serves: {able}.",
                param="strategy",
            )
        return ResolvedModel(self.strategies[name], model, self.models[model], self._options.get(name, {}))

    def named(self, name: str) -> ResolvedModel:
        """Return what OpenAI's `model` field asks for.

        Raises:
            ApiError: there is no such model.
        """
        strategy, slash, model = name.partition("/")
        if name in self.models:
            return self.choose(_PLAIN, name)
        if not slash or strategy not in self.strategies or model not in self.models or self.lacks(strategy, model):
            raise ApiError(
                404,
                f"The model {name!r} does not exist. GET /v1/models lists those that do: strategy/model, or the bare "
                f"model for one sample. Models: {', '.join(self.models)}.",
                param="model",
                code="model_not_found",
            )
        return self.choose(strategy, model)

    def catalog(self) -> dict[str, Any]:
        """Return the menu as data, for people and for the page."""
        return {
            "models": list(self.models),
            "strategies": [self._described(one) for one in self.strategies.values()],
            "defaults": {"model": self.default_model, "strategy": self.default_strategy(self.default_model)},
        }

    def _described(self, strategy: Strategy) -> dict[str, Any]:
        set_here = self._options.get(strategy.name, {})
        return {
            "name": strategy.name,
            "summary": strategy.summary,
            "cost": strategy.cost,
            "when": strategy.when,
            "needs": list(self.needs(strategy.name)),
            "options": {key: set_here.get(key, default) for key, default in settable_options(strategy).items()},
            "steerable": "ask" in strategy.options,
        }


def _unknown(field: str, name: str, known: Mapping[str, Any]) -> ApiError:
    return ApiError(422, f"There is no {field} {name!r}. Known: {', '.join(known)}.", param=field)
