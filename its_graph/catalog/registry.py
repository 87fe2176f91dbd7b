"""The strategies by name. A new strategy is one file in `graphs/` and one line here.

Everything about a strategy is read from its one source: the summary from the factory's first line, options from its
signature, cost and use from the lines `Cost:` and `When:` of its module, and requirements by trying.
"""

import inspect
import re
from collections.abc import Callable, Mapping
from functools import cache
from importlib import import_module
from inspect import Parameter
from typing import Any, NamedTuple, get_args

from langgraph.graph import StateGraph

from its_graph.contracts import Generator, Signal, Verifier
from its_graph.errors import ConfigurationError, ItsGraphError

__all__ = ["STRATEGIES", "Strategy", "create", "register", "strategies", "strategy"]

STRATEGIES: dict[str, str] = {
    "single": "its_graph.graphs.single:create_single",
    "self_consistency": "its_graph.graphs.self_consistency:create_self_consistency",
    "best_of_n": "its_graph.graphs.best_of_n:create_best_of_n",
    "beam_search": "its_graph.graphs.beam_search:create_beam_search",
    "dvts": "its_graph.graphs.dvts:create_dvts",
    "extended_cot": "its_graph.graphs.extended_cot:create_extended_cot",
    "budget_forcing": "its_graph.graphs.budget_forcing:create_budget_forcing",
    "rebase": "its_graph.graphs.rebase:create_rebase",
    "particle_filtering": "its_graph.graphs.particle_filtering:create_particle_filtering",
    "tournament": "its_graph.graphs.tournament:create_tournament",
    "knockout": "its_graph.graphs.knockout:create_knockout",
    "gen_select": "its_graph.graphs.gen_select:create_gen_select",
    "mcts": "its_graph.graphs.mcts:create_mcts",
    "rest_mcts": "its_graph.graphs.rest_mcts:create_rest_mcts",
    "ab_mcts": "its_graph.graphs.ab_mcts:create_ab_mcts",
    "sequential_revision": "its_graph.graphs.sequential_revision:create_sequential_revision",
    "aggregation": "its_graph.graphs.aggregation:create_aggregation",
    "pdr": "its_graph.graphs.pdr:create_pdr",
    "self_refine": "its_graph.graphs.self_refine:create_self_refine",
    "deepconf": "its_graph.graphs.deepconf:create_deepconf",
    "deepconf_online": "its_graph.graphs.deepconf_online:create_deepconf_online",
    "self_certainty": "its_graph.graphs.self_certainty:create_self_certainty",
    "adaptive_best_of_n": "its_graph.graphs.adaptive_best_of_n:create_adaptive_best_of_n",
    "diverse_prompts": "its_graph.graphs.diverse_prompts:create_diverse_prompts",
    "compute_optimal": "its_graph.graphs.compute_optimal:create_compute_optimal",
}


class Strategy(NamedTuple):
    """A strategy: its name, its factory, and what can be read from the factory."""

    name: str
    factory: Callable[..., StateGraph[Any, Any, Any, Any]]

    @property
    def summary(self) -> str:
        """One line on what it does."""
        return (inspect.getdoc(self.factory) or "").split("\n", 1)[0]

    @property
    def cost(self) -> str:
        """What one search costs, as a formula."""
        return self._line("Cost")

    @property
    def when(self) -> str:
        """When to use it, and when not."""
        return self._line("When")

    def _line(self, name: str) -> str:
        """Return what follows `name:` in the module's docstring, up to the end of the paragraph or the next label."""
        text = inspect.getdoc(import_module(self.factory.__module__)) or ""
        match = re.search(rf"^{name}: (.*?)(?=\n\n|\n[A-Z][a-z]+: |\Z)", text, re.DOTALL | re.MULTILINE)
        return " ".join(match[1].split()) if match else ""

    @property
    def needs(self) -> tuple[str, ...]:
        """What it requires: `verifier`, `continuation` of a given text, or a signal of the generator."""
        return _needs(self)

    @property
    def takes_verifier(self) -> bool:
        """Whether a verifier is its second argument. A keyword-only `verifier` is an option instead."""
        parameter = inspect.signature(self.factory).parameters.get("verifier")
        return parameter is not None and parameter.kind is Parameter.POSITIONAL_OR_KEYWORD

    @property
    def needs_verifier(self) -> bool:
        """Whether it takes a verifier and requires it."""
        return self.takes_verifier and inspect.signature(self.factory).parameters["verifier"].default is Parameter.empty

    @property
    def options(self) -> dict[str, Any]:
        """Its keyword-only options, with their defaults."""
        parameters = inspect.signature(self.factory).parameters.values()
        return {option.name: option.default for option in parameters if option.kind is Parameter.KEYWORD_ONLY}

    def create(self, generator: Generator, verifier: Verifier | None, options: Mapping[str, Any]) -> Any:
        """Return the uncompiled graph.

        Raises:
            ConfigurationError: for an option it does not have, or if it needs a verifier and none is given.
        """
        unknown = sorted(set(options) - set(self.options))
        if unknown:
            names = ", ".join(self.options) or "none"
            raise ConfigurationError(f"{self.name} has no option {', '.join(map(repr, unknown))}. Options: {names}.")
        if not self.takes_verifier:
            return self.factory(generator, **options)
        if verifier is None and self.needs_verifier:
            raise ConfigurationError(f"{self.name} needs a verifier, such as a PRM or `FunctionVerifier`; got none.")
        return self.factory(generator, verifier, **options)


@cache
def _needs(strategy: Strategy) -> tuple[str, ...]:
    needs = ["verifier"] if strategy.needs_verifier else []
    if not _works(strategy, can_continue=False):
        needs.append("continuation")
    signals: tuple[Signal, ...] = get_args(Signal)
    return (*needs, *(signal for signal in signals if not _works(strategy, signals=frozenset(signals) - {signal})))


def _works(strategy: Strategy, **missing: Any) -> bool:
    """Try to build it for a generator that has every ability but this one."""
    from its_graph.testing import ToyGenerator, ToyVerifier

    generator = ToyGenerator()
    for name, value in ({"signals": frozenset(get_args(Signal))} | missing).items():
        setattr(generator, name, value)
    try:
        strategy.create(generator, ToyVerifier(), {})
    except ItsGraphError:
        return False
    return True


def strategies() -> list[Strategy]:
    """Return all strategies in the order of the registry.

    Returns:
        Each with `name`, `summary`, `cost`, `when`, `needs` and `options`, and `create` to build its graph.

    >>> from its_graph import strategies
    >>> [strategy.name for strategy in strategies()][:3]
    ['single', 'self_consistency', 'best_of_n']
    """
    return [strategy(name) for name in STRATEGIES]


def strategy(name: str) -> Strategy:
    """Return one strategy.

    Raises:
        ConfigurationError: if there is no strategy of that name; the message lists all names.
    """
    if name not in STRATEGIES:
        raise ConfigurationError(f"Unknown strategy {name!r}. Strategies: {', '.join(STRATEGIES)}.")
    module, _, factory = STRATEGIES[name].partition(":")
    return Strategy(name, getattr(import_module(module), factory))


def create(name: str, generator: Generator, verifier: Verifier | None = None, **options: Any) -> Any:
    """Return the uncompiled graph of a strategy by its name.

    Args:
        name: a name in the registry, such as `best_of_n`; see `strategies`.
        generator: proposes text.
        verifier: scores candidates; required by some strategies, None for none.
        options: keyword options of the strategy's factory, such as `n=16`.

    Returns:
        A LangGraph `StateGraph`; `compile()` it to run it, alone or as a node of another graph.

    Raises:
        ConfigurationError: if the strategy or an option does not exist, or a required verifier is missing.

    >>> from its_graph import create
    >>> from its_graph.testing import ToyGenerator, ToyVerifier
    >>> search = create("best_of_n", ToyGenerator(), ToyVerifier(), n=8).compile()
    >>> search.invoke({"problem": "Add 3, 5, 4."}, context={"seed": 7})["answer"]
    '12'
    """
    return strategy(name).create(generator, verifier, options)


def register(name: str, factory: str) -> None:
    """Add a strategy of your own: `register("mine", "my_package.mine:create_mine")`."""
    STRATEGIES[name] = factory
