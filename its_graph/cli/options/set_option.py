"""Strategy options given as `name=value`: how they are parsed, and errors for options a strategy does not have."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from types import MappingProxyType
from typing import Any

from pydantic import TypeAdapter, ValidationError

from its_graph.catalog.option_schema import plain_types
from its_graph.catalog.registry import Strategy
from its_graph.errors import ConfigurationError

__all__ = ["parse_set_options"]


def parse_set_options(
    assignments: Sequence[str],
    strategies: Sequence[Strategy],
    *,
    flag: str = "--set",
    rule_flags: Mapping[str, str] = MappingProxyType({}),
) -> dict[str, Any]:
    """Parse `name=value` assignments. Each value is valid for every strategy that has the option.

    Args:
        assignments: a value is read as JSON where the option takes that, otherwise as text.
        strategies: the strategies that the options are for.
        flag: the flag of the assignments, for messages.
        rule_flags: options whose values are rules, each with the flag that offers some of them by name.

    Raises:
        ConfigurationError: an assignment has no value or one of the wrong type; no strategy has the option; or its
            value is a Python object, such as a rule or a model.
    """
    options = {}
    for assignment in assignments:
        name, equals, value = assignment.partition("=")
        if not equals:
            raise ConfigurationError(f"{flag} must be name=value; got {assignment!r}. Example: {flag} pivots=3.")
        name = name.strip().replace("-", "_")
        for strategy in _require_option(name, strategies):
            options[name] = _parse_value(strategy, flag, name, value.strip(), rule_flags)
    return options


def _require_option(name: str, strategies: Sequence[Strategy]) -> list[Strategy]:
    supporting = [strategy for strategy in strategies if name in strategy.options]
    if not supporting:
        available = "; ".join(
            f"{strategy.name} has {', '.join(strategy.options) or 'no options'}" for strategy in strategies
        )
        raise ConfigurationError(f"Unknown option {name!r} in --set: {available}.")
    return supporting


def _parse_value(strategy: Strategy, flag: str, name: str, text: str, rule_flags: Mapping[str, str]) -> Any:
    """Return the value of `text`: parsed as JSON if the option takes that, otherwise the text."""
    option_type = plain_types(strategy).get(name)
    if option_type is None:
        remedy = f"Use {rule_flags[name]}." if name in rule_flags else "Build the strategy in Python to set it."
        raise ConfigurationError(f"{flag} {name} of {strategy.name} is a Python object, not a number or text. {remedy}")
    adapter = TypeAdapter(option_type)
    errors = []
    for value in _interpretations(text):
        try:
            adapter.validate_python(value, strict=True)
        except ValidationError as error:
            errors.append(error)
        else:
            return value  # as written, not converted: files and labels show it this way
    reason = errors[0].errors()[0]["msg"]
    raise ConfigurationError(f"{flag} {name}={text} is not valid for {strategy.name}: {reason}.") from errors[0]


def _interpretations(text: str) -> Iterator[Any]:
    with suppress(ValueError):
        yield json.loads(text)
    yield text
