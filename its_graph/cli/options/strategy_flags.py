"""The strategy flags of `solve`: how they become options of the strategy's factory, and which strategies take them."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Annotated, Any, NamedTuple

import typer

from its_graph.catalog.registry import Strategy, strategies
from its_graph.contracts import Verifier
from its_graph.errors import ConfigurationError
from its_graph.nodes.rules.choice import argmax, majority, pessimistic, weighted, window_vote
from its_graph.nodes.rules.stopping import adaptive_consistency, e_value, unanimous_window
from its_graph.nodes.rules.types import ChoiceRule

__all__ = [
    "RULE_FLAGS",
    "STRATEGY_PANEL",
    "ChoiceName",
    "StopName",
    "StrategyFlags",
    "choice_rule",
    "factory_options",
    "require_applicable",
]

STRATEGY_PANEL = "Strategy"
_ESC_WINDOW = 5
"""Samples per window of early-stopping self-consistency (ESC), as in its paper (2401.10480)."""


class StopName(StrEnum):
    """Stop rules of `its_graph.nodes.rules.stopping` that end sampling early."""

    ADAPTIVE_CONSISTENCY = "adaptive_consistency"
    UNANIMOUS_WINDOW = "unanimous_window"
    E_VALUE = "e_value"


class ChoiceName(StrEnum):
    """Choice rules of `its_graph.nodes.rules.choice`."""

    WEIGHTED = "weighted"
    ARGMAX = "argmax"
    PESSIMISTIC = "pessimistic"
    MAJORITY = "majority"


RULE_FLAGS = {
    "choose": f"--choose ({', '.join(ChoiceName)})",
    "stop": f"--stop ({', '.join(StopName)})",
}
"""Strategy options whose values are rules, each with the flag that offers some of them by name."""


class StrategyFlags(NamedTuple):
    """Flags that become options of the strategy. A strategy without an option ignores the flag's default."""

    n: Annotated[
        int, typer.Option("--n", "-n", help="Samples (of a step search: per round).", rich_help_panel=STRATEGY_PANEL)
    ] = 16
    width: Annotated[int, typer.Option(help="Paths or trees kept after a round.", rich_help_panel=STRATEGY_PANEL)] = 4
    max_steps: Annotated[
        int | None, typer.Option(help="Maximum length of a path, in steps.", rich_help_panel=STRATEGY_PANEL)
    ] = None
    lookahead: Annotated[
        int, typer.Option(help="Steps rolled out before a path is scored.", rich_help_panel=STRATEGY_PANEL)
    ] = 0
    stop: Annotated[
        StopName | None,
        typer.Option(
            metavar="RULE",
            help=f"Rule that stops sampling early: {', '.join(StopName)}.",
            rich_help_panel=STRATEGY_PANEL,
        ),
    ] = None
    choose: Annotated[
        ChoiceName | None,
        typer.Option(
            metavar="RULE",
            help=f"Rule that chooses the answer: {', '.join(ChoiceName)}. Default: the strategy's.",
            rich_help_panel=STRATEGY_PANEL,
        ),
    ] = None


def require_applicable(strategy: Strategy, flags: StrategyFlags) -> None:
    """Check that every flag that was set is an option of `strategy`.

    Raises:
        ConfigurationError: one is not.
    """
    for name, default in StrategyFlags._field_defaults.items():
        value = getattr(flags, name)
        if value != default and name not in strategy.options:
            flag = f"--{name.replace('_', '-')}"
            supported = [candidate.name for candidate in strategies() if name in candidate.options]
            raise ConfigurationError(
                f"{flag} {value} does not apply to {strategy.name}. It applies to: {_listed(supported)}."
            )
    if flags.choose not in (None, ChoiceName.MAJORITY) and not strategy.needs_verifier:
        supported = [
            candidate.name for candidate in strategies() if candidate.needs_verifier and "choose" in candidate.options
        ]
        raise ConfigurationError(
            f"--choose {flags.choose} needs verifier scores, and {strategy.name} has no verifier. "
            f"Use --choose majority, or a strategy with a verifier: {_listed(supported)}."
        )


def factory_options(strategy: Strategy, flags: StrategyFlags, verifier: Verifier | None) -> Mapping[str, Any]:
    """Return keyword arguments for the factory of `strategy`."""
    plain = {name: getattr(flags, name) for name in ("n", "width", "max_steps", "lookahead")}
    options = {name: value for name, value in plain.items() if value is not None and name in strategy.options}
    if flags.stop is not None:
        options |= _stop_options(flags.stop)
    if flags.choose is not None or flags.stop is StopName.UNANIMOUS_WINDOW:
        options["choose"] = choice_rule(flags, verifier)
    return options


def choice_rule(flags: StrategyFlags, verifier: Verifier | None) -> ChoiceRule:
    """Return the choice rule named by `flags`, or the default of searches with (or without) a verifier."""
    score_range = verifier.score_range if verifier else "prob"
    rules: dict[ChoiceName, ChoiceRule] = {
        ChoiceName.WEIGHTED: weighted(score_range),
        ChoiceName.ARGMAX: argmax,
        ChoiceName.PESSIMISTIC: pessimistic(score_range),
        ChoiceName.MAJORITY: majority,
    }
    if flags.choose is not None:
        return rules[flags.choose]
    if flags.stop is StopName.UNANIMOUS_WINDOW:
        return window_vote(_ESC_WINDOW)
    return majority if verifier is None else rules[ChoiceName.WEIGHTED]


def _stop_options(stop: StopName) -> dict[str, Any]:
    if stop is StopName.UNANIMOUS_WINDOW:
        return {"stop": unanimous_window(_ESC_WINDOW), "wave": _ESC_WINDOW}
    return {"stop": adaptive_consistency() if stop is StopName.ADAPTIVE_CONSISTENCY else e_value()}


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names) or "none"
