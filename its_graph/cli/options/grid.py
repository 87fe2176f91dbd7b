"""From the flags of `eval` to what is measured: every strategy at every width, under every budget."""

from collections.abc import Mapping, Sequence
from typing import Any, get_args

from its_graph.budget import Budget
from its_graph.catalog.registry import Strategy, strategy
from its_graph.catalog.strategy_config import StrategyConfig
from its_graph.context import SearchContext
from its_graph.contracts import Signal
from its_graph.errors import ConfigurationError
from its_graph.evaluation import GridCell
from its_graph.testing import ToyGenerator, ToyVerifier

__all__ = ["arms_of", "chosen_strategies", "possible_arms"]


def chosen_strategies(names: str) -> list[Strategy]:
    """Return the strategies of a list like `single,best_of_n`, each once."""
    return [strategy(name) for name in dict.fromkeys(name.strip() for name in names.split(","))]


def arms_of(
    chosen: Sequence[Strategy],
    widths: Sequence[int],
    others: Mapping[str, Any],
    budgets: Sequence[int | None],
    context: SearchContext,
) -> list[GridCell]:
    """Return the grid, in the order of the strategies; each has those of the options that mean something to it.

    Args:
        chosen: the strategies.
        widths: values of `n`; a strategy without one is there once.
        others: the other options.
        budgets: tokens that one search may use; None for no limit.
        context: what all have in common.
    """
    return [
        GridCell(
            StrategyConfig(strategy=one.name, options=options),
            context.model_copy(update={"budget": Budget(tokens=tokens)}),
        )
        for one in chosen
        for options in _options(one, widths, others)
        for tokens in budgets
    ]


def possible_arms(arms: Sequence[GridCell], *, judged: bool) -> tuple[list[GridCell], list[str]]:
    """Return the arms that can be measured, and why the others cannot; found out before any model is loaded.

    A step search at fewer samples than it keeps paths is impossible, and no reason to give up the wider ones.

    Args:
        arms: the grid.
        judged: whether there will be a verifier.

    Raises:
        ConfigurationError: if nothing is left of a strategy.
    """
    generator = _Able()
    refused: dict[StrategyConfig, ConfigurationError] = {}
    for setting in dict.fromkeys(arm.setting for arm in arms):
        try:
            setting.create(generator, ToyVerifier() if judged else None)
        except ConfigurationError as error:
            refused[setting] = error
    left = [arm for arm in arms if arm.setting not in refused]
    for setting, reason in refused.items():
        if not any(arm.setting.strategy == setting.strategy for arm in left):
            raise reason
    return left, [f"Left out {setting.label}: {reason}" for setting, reason in refused.items()]


class _Able(ToyGenerator):
    """It has all that a setting may ask for; a real one that lacks it is refused when its graphs are made."""

    signals = frozenset(get_args(Signal))

    def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """Return a feature of each."""
        return [[0.0] for _ in texts]


def _options(one: Strategy, widths: Sequence[int], others: Mapping[str, Any]) -> list[dict[str, Any]]:
    shared = {name: value for name, value in others.items() if name in one.options}
    return [{"n": n, **shared} for n in widths] if "n" in one.options else [shared]
