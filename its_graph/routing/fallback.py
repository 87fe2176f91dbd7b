"""Fallback for a strategy config that needs something the models do not provide."""

from collections.abc import Iterator
from typing import NamedTuple

from its_graph.catalog.registry import strategy
from its_graph.catalog.strategy_config import StrategyConfig
from its_graph.contracts import Generator, Verifier

__all__ = ["ResolvedConfig", "resolve_config"]


class ResolvedConfig(NamedTuple):
    """A config that works with the given models."""

    config: StrategyConfig
    fallback_reason: str | None = None
    """Why it replaces the requested config; None if it is the requested one."""


def resolve_config(config: StrategyConfig, generator: Generator, verifier: Verifier | None) -> ResolvedConfig:
    """Return `config`, or if the models lack something it needs, the best replacement: as many samples, then a choice.

    A verifier chooses if there is one (`best_of_n`), otherwise the vote (`self_consistency`). Both work with any
    models.
    """
    missing = list(_missing(config, generator, verifier))
    if not missing:
        return ResolvedConfig(config)
    n = config.options.get("n", strategy(config.strategy).options.get("n"))
    replacement = StrategyConfig(
        strategy="self_consistency" if verifier is None else "best_of_n",
        options={} if n is None else {"n": n},
    )
    return ResolvedConfig(
        replacement, f"{config.label} needs {' and '.join(missing)}. Using {replacement.label} instead."
    )


def _missing(config: StrategyConfig, generator: Generator, verifier: Verifier | None) -> Iterator[str]:
    name = type(generator).__name__
    for need in strategy(config.strategy).needs:
        if need == "verifier" and verifier is None:
            yield "a verifier, but none is configured"
        elif need == "continuation" and not generator.can_continue:
            yield f"a generator that continues a given text, which {name} cannot do"
        elif need not in ("verifier", "continuation", *generator.signals):
            yield f"the {need} of samples, which {name} does not return"
