"""From the flags of `solve` to the options of a strategy's factory, and what to say where they do not match."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, NamedTuple

from its_graph.catalog.registry import Strategy, strategies
from its_graph.contracts import Verifier
from its_graph.errors import ConfigurationError
from its_graph.nodes.rules.choice import ChoiceRule, argmax, majority, pessimistic, weighted, window_vote
from its_graph.nodes.rules.stopping import adaptive_consistency, e_value, unanimous_window

__all__ = ["RULES", "Choose", "StopEarly", "StrategyFlags", "check", "choice_rule", "factory_options"]

_WINDOW = 5
"""Samples in a window of ESC, as in its paper (2401.10480)."""


class StopEarly(StrEnum):
    """Rules of `its_graph.nodes.rules.stopping` that end sampling early."""

    ASC = "asc"
    ESC = "esc"
    E_VALUE = "e_value"


class Choose(StrEnum):
    """Rules of `its_graph.nodes.rules.choice` that find the winner."""

    WEIGHTED = "weighted"
    MAX = "max"
    PESSIMISTIC = "pessimistic"
    MAJORITY = "majority"


RULES = {
    "choose": f"--choose ({', '.join(Choose)})",
    "stop": f"--stop ({', '.join(StopEarly)})",
}
"""Options that are rules, and the flag that names some."""


class StrategyFlags(NamedTuple):
    """The flags that shape a strategy. One at its default is passed over by a strategy that does not have it."""

    n: int = 16
    width: int = 4
    max_steps: int | None = None
    lookahead: int = 0
    stop: StopEarly | None = None
    choose: Choose | None = None


def check(strategy: Strategy, shape: StrategyFlags) -> None:
    """Raise a `ConfigurationError` for a flag that was given but means nothing to `strategy`."""
    for name, default in StrategyFlags._field_defaults.items():
        value = getattr(shape, name)
        if value != default and name not in strategy.options:
            flag = f"--{name.replace('_', '-')} {value}"
            able = [other.name for other in strategies() if name in other.options]
            raise ConfigurationError(f"{strategy.name} has no use for {flag}. Strategies that do: {_listed(able)}.")
    if shape.choose not in (None, Choose.MAJORITY) and not strategy.needs_verifier:
        able = [other.name for other in strategies() if other.needs_verifier and "choose" in other.options]
        raise ConfigurationError(
            f"--choose {shape.choose} goes by the scores of a verifier, and {strategy.name} has none. "
            f"Use --choose majority, or a strategy that verifies: {_listed(able)}."
        )


def factory_options(strategy: Strategy, shape: StrategyFlags, verifier: Verifier | None) -> Mapping[str, Any]:
    """Return the keyword arguments for the factory of `strategy`."""
    plain = {name: getattr(shape, name) for name in ("n", "width", "max_steps", "lookahead")}
    options = {name: value for name, value in plain.items() if value is not None and name in strategy.options}
    if shape.stop is not None:
        options |= _stopping(shape.stop)
    if shape.choose is not None or shape.stop is StopEarly.ESC:
        options["choose"] = choice_rule(shape, verifier)
    return options


def choice_rule(shape: StrategyFlags, verifier: Verifier | None) -> ChoiceRule:
    """Return the rule that finds the winner: the one asked for, or what strategies of this kind use."""
    score_range = verifier.score_range if verifier else "prob"
    rules: dict[Choose, ChoiceRule] = {
        Choose.WEIGHTED: weighted(score_range),
        Choose.MAX: argmax,
        Choose.PESSIMISTIC: pessimistic(score_range),
        Choose.MAJORITY: majority,
    }
    if shape.choose is not None:
        return rules[shape.choose]
    if shape.stop is StopEarly.ESC:
        return window_vote(_WINDOW)
    return majority if verifier is None else rules[Choose.WEIGHTED]


def _stopping(stop: StopEarly) -> dict[str, Any]:
    if stop is StopEarly.ESC:
        return {"stop": unanimous_window(_WINDOW), "wave": _WINDOW}
    return {"stop": adaptive_consistency() if stop is StopEarly.ASC else e_value()}


def _listed(names: list[str]) -> str:
    return ", ".join(names) or "none"
