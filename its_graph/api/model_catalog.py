"""The models and strategies that a server offers, and which strategies each model supports."""

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

_BARE_MODEL_STRATEGY = "single"
"""The strategy behind the bare name of a model."""
_DEFAULT_STRATEGIES = ("best_of_n", "self_consistency", _BARE_MODEL_STRATEGY)
"""Defaults for requests that name no strategy, in order of preference: the first that the model supports is used."""


class ServedModel(NamedTuple):
    """A generator with its optional verifier and chat model."""

    generator: Generator
    verifier: Verifier | None = None
    chat_model: BaseChatModel | None = None
    """The same model as a LangChain chat model; it answers requests with tools."""


class ResolvedModel(NamedTuple):
    """A strategy and the model that it runs on."""

    strategy: Strategy
    model: str
    served: ServedModel
    options: Mapping[str, Any]
    """Server-side options of the strategy; a request's own options override them."""


class ModelCatalog:
    """Everything that a server offers.

    Args:
        models: served models by name; the first is the default.
        options: server-side strategy options, by strategy name; they replace the strategy's own defaults.

    Raises:
        ConfigurationError: `models` is empty, or `options` names an unknown strategy or option.
    """

    def __init__(
        self, models: Mapping[str, ServedModel], options: Mapping[str, Mapping[str, Any]] = MappingProxyType({})
    ) -> None:
        if not models:
            raise ConfigurationError(
                "models must not be empty. Pass at least one model: {'name': ServedModel(generator)}."
            )
        self.models = dict(models)
        self.strategies = {strategy.name: strategy for strategy in strategies()}
        self._needs: dict[str, tuple[str, ...]] = {}
        self._options = dict(options)
        self._validate_options()

    def _validate_options(self) -> None:
        """Build every strategy that has server-side options once, so that an invalid one fails at startup."""
        for name, options in self._options.items():
            configured = strategy(name)
            for model, served in self.models.items():
                if not self.missing_needs(name, model):
                    configured.create(served.generator, served.verifier, options)

    @property
    def default_model(self) -> str:
        """The name of the first model."""
        return next(iter(self.models))

    def default_strategy(self, model: str) -> str:
        """Return the strategy for requests that name none."""
        return next(name for name in _DEFAULT_STRATEGIES if not self.missing_needs(name, model))

    def needs(self, strategy: str) -> tuple[str, ...]:
        """Return what `strategy` requires of a model; cached, because it is found by building the strategy."""
        if strategy not in self._needs:
            self._needs[strategy] = self.strategies[strategy].needs
        return self._needs[strategy]

    def missing_needs(self, strategy: str, model: str) -> list[str]:
        """Return what `strategy` requires and `model` does not have."""
        generator, verifier, _ = self.models[model]
        available: set[str] = {*generator.signals}
        available |= {"verifier"} if verifier is not None else set()
        available |= {"continuation"} if generator.can_continue else set()
        return [need for need in self.needs(strategy) if need not in available]

    def model_ids(self) -> list[str]:
        """Return all valid values of OpenAI's `model` field: the bare models, and `strategy/model`."""
        return [*self.models, *(f"{name}/{model}" for model in self.models for name in self._supported(model))]

    def _supported(self, model: str) -> list[str]:
        return [name for name in self.strategies if not self.missing_needs(name, model)]

    def resolve(self, strategy: str | None, model: str | None) -> ResolvedModel:
        """Return the strategy and the model of a request; None selects the default.

        Raises:
            ApiError: the model or the strategy is unknown, or the model does not support the strategy.
        """
        model = self.default_model if model is None else model
        if model not in self.models:
            raise _unknown("model", model, self.models)
        name = self.default_strategy(model) if strategy is None else strategy
        if name not in self.strategies:
            raise _unknown("strategy", name, self.strategies)
        if missing := self.missing_needs(name, model):
            raise ApiError(
                422,
                f"{name} needs {', '.join(missing)}, which {model} does not have. "
                f"Strategies that {model} supports: {', '.join(self._supported(model))}.",
                param="strategy",
            )
        return ResolvedModel(self.strategies[name], model, self.models[model], self._options.get(name, {}))

    def resolve_id(self, model_id: str) -> ResolvedModel:
        """Return the strategy and the model that a value of OpenAI's `model` field names.

        Raises:
            ApiError: there is no such model.
        """
        if model_id in self.models:
            return self.resolve(_BARE_MODEL_STRATEGY, model_id)
        strategy, slash, model = model_id.partition("/")
        exists = slash and strategy in self.strategies and model in self.models
        if not exists or self.missing_needs(strategy, model):
            raise ApiError(
                404,
                f"The model {model_id!r} does not exist. Use `strategy/model`, or a bare model for one sample; "
                f"GET /v1/models lists all of them. Bare models: {', '.join(self.models)}.",
                param="model",
                code="model_not_found",
            )
        return self.resolve(strategy, model)

    def describe(self) -> dict[str, Any]:
        """Return the catalog as plain data, for clients and for the page."""
        return {
            "models": list(self.models),
            "strategies": [self._describe_strategy(strategy) for strategy in self.strategies.values()],
            "defaults": {"model": self.default_model, "strategy": self.default_strategy(self.default_model)},
        }

    def _describe_strategy(self, strategy: Strategy) -> dict[str, Any]:
        server_options = self._options.get(strategy.name, {})
        return {
            "name": strategy.name,
            "summary": strategy.summary,
            "cost": strategy.cost,
            "when": strategy.when,
            "needs": list(self.needs(strategy.name)),
            "options": {
                name: server_options.get(name, default) for name, default in settable_options(strategy).items()
            },
            "steerable": "ask" in strategy.options,
        }


def _unknown(field: str, name: str, available: Mapping[str, Any]) -> ApiError:
    return ApiError(422, f"Unknown {field} {name!r}. Available: {', '.join(available)}.", param=field)
