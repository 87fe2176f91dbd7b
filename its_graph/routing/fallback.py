"""What takes a setting's place where the models at hand lack what it needs."""

from collections.abc import Iterator
from typing import NamedTuple

from its_graph.catalog.registry import strategy
from its_graph.catalog.strategy_config import StrategyConfig
from its_graph.contracts import Generator, Verifier

__all__ = ["ResolvedConfig", "resolve_config"]


class ResolvedConfig(NamedTuple):
    """A setting that works with the models at hand."""

    setting: StrategyConfig
    why: str | None = None
    """Why it is not the one that was called for; None where it is."""


def resolve_config(setting: StrategyConfig, generator: Generator, verifier: Verifier | None) -> ResolvedConfig:
    """Return `setting`, or where something it needs is missing the best that works: as many samples, then a choice.

    The verifier chooses where there is one (`best_of_n`), else the vote (`self_consistency`). Neither needs anything
    that could be missing.
    """
    lacks = list(_lacks(setting, generator, verifier))
    if not lacks:
        return ResolvedConfig(setting)
    size = setting.options.get("n", strategy(setting.strategy).options.get("n"))
    instead = StrategyConfig(
        strategy="self_consistency" if verifier is None else "best_of_n",
        options={} if size is None else {"n": size},
    )
    return ResolvedConfig(instead, f"{setting.label} needs {' and '.join(lacks)}: {instead.label} takes its place.")


def _lacks(setting: StrategyConfig, generator: Generator, verifier: Verifier | None) -> Iterator[str]:
    name = type(generator).__name__
    for need in strategy(setting.strategy).needs:
        if need == "verifier" and verifier is None:
            yield "a verifier, and none was given"
        elif need == "continuation" and not generator.can_continue:
            yield f"a generator that continues a given text, which {name} does not"
        elif need not in ("verifier", "continuation", *generator.signals):
            yield f"the {need} of samples, which {name} does not tell"
