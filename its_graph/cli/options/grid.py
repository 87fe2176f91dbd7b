"""The grid of an evaluation: every strategy at every n, under every budget."""

from collections.abc import Mapping, Sequence
from typing import Any, get_args

import typer

from its_graph.budget import Budget
from its_graph.catalog.registry import Strategy, strategy
from its_graph.catalog.strategy_config import StrategyConfig
from its_graph.context import SearchContext
from its_graph.contracts import Signal
from its_graph.errors import ConfigurationError
from its_graph.evaluation import GridCell
from its_graph.testing import ToyGenerator, ToyVerifier

__all__ = ["build_grid", "parse_strategies", "skip_infeasible"]


def parse_strategies(names: str) -> list[Strategy]:
    """Parse a comma-separated list such as `single,best_of_n`; duplicates are dropped."""
    return [strategy(name) for name in dict.fromkeys(name.strip() for name in names.split(","))]


def build_grid(
    strategies: Sequence[Strategy],
    sample_counts: Sequence[int],
    options: Mapping[str, Any],
    budgets: Sequence[int | None],
    context: SearchContext,
) -> list[GridCell]:
    """Return the grid in the order of the strategies; each gets those of the options that it has.

    Args:
        strategies: the strategies.
        sample_counts: values of `n`; a strategy without `n` has one config.
        options: the other options.
        budgets: token limits of one search; None for no limit.
        context: the context of every cell.
    """
    return [
        GridCell(
            StrategyConfig(strategy=candidate.name, options=config_options),
            context.model_copy(update={"budget": Budget(tokens=tokens)}),
        )
        for candidate in strategies
        for config_options in _config_options(candidate, sample_counts, options)
        for tokens in budgets
    ]


def _config_options(
    candidate: Strategy, sample_counts: Sequence[int], options: Mapping[str, Any]
) -> list[dict[str, Any]]:
    shared = {name: value for name, value in options.items() if name in candidate.options}
    return [{"n": n, **shared} for n in sample_counts] if "n" in candidate.options else [shared]


def skip_infeasible(cells: Sequence[GridCell], *, has_verifier: bool) -> list[GridCell]:
    """Return the cells that can be built, and print on stderr why the others cannot; no model is loaded for this.

    A step search whose n is below its width is infeasible, which is no reason to reject the wider ones.

    Args:
        cells: the grid.
        has_verifier: whether the run will have a verifier.

    Raises:
        ConfigurationError: no cell of a strategy is feasible.
    """
    generator = _FullFeaturedGenerator()
    reasons: dict[StrategyConfig, ConfigurationError] = {}
    for config in dict.fromkeys(cell.config for cell in cells):
        try:
            config.create(generator, ToyVerifier() if has_verifier else None)
        except ConfigurationError as error:
            reasons[config] = error
    feasible = [cell for cell in cells if cell.config not in reasons]
    for config, reason in reasons.items():
        if not any(cell.config.strategy == config.strategy for cell in feasible):
            raise reason
    for config, reason in reasons.items():
        typer.echo(f"Skipped {config.label}: {reason}", err=True)
    return feasible


class _FullFeaturedGenerator(ToyGenerator):
    """A generator with every feature that a config may need. A real one is checked when the graphs are built."""

    signals = frozenset(get_args(Signal))

    def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """Return one feature per text."""
        return [[0.0] for _ in texts]
