"""Options of strategies given as `name=value`: what they are, and what to say where a strategy takes no such thing."""

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
    settings: Sequence[str],
    chosen: Sequence[Strategy],
    *,
    flag: str = "--set",
    rules: Mapping[str, str] = MappingProxyType({}),
) -> dict[str, Any]:
    """Return the options given as `name=value`; each is right for every strategy of `chosen` that has it.

    Args:
        settings: as they were given. A value is read as JSON where that is what the option takes, else as text.
        chosen: the strategies that they are for.
        flag: of the command line, that gave them.
        rules: options that are rules, each with the flag that offers some by name.

    Raises:
        ConfigurationError: one has no value, or another type; or no strategy has it, or it is a rule or a model.
    """
    options = {}
    for setting in settings:
        given, equals, value = setting.partition("=")
        if not equals:
            raise ConfigurationError(f"{flag} {setting!r} has no value. Expected name=value, for example pivots=3.")
        name = given.strip().replace("-", "_")
        for one in _able(name, chosen):
            options[name] = _read(f"{flag} {name}", one, name, value.strip(), rules)
    return options


def _able(name: str, chosen: Sequence[Strategy]) -> list[Strategy]:
    able = [one for one in chosen if name in one.options]
    if not able:
        known = "; ".join(f"{one.name}: {', '.join(one.options) or 'none'}" for one in chosen)
        raise ConfigurationError(f"No strategy asked for has the option {name!r}. Their options: {known}.")
    return able


def _read(given: str, strategy: Strategy, name: str, text: str, rules: Mapping[str, str]) -> Any:
    """Return the value that `text` stands for: JSON where the option takes that, else the text."""
    kind = plain_types(strategy).get(name)
    if kind is None:
        remedy = f"{rules[name]} offers some by name." if name in rules else "Build the strategy in Python for another."
        raise ConfigurationError(f"{given} of {strategy.name} is a Python object, not a number or a text. {remedy}")
    taken = TypeAdapter(kind)
    refusals = []
    for value in _readings(text):
        try:
            taken.validate_python(value, strict=True)
        except ValidationError as error:
            refusals.append(error)
        else:
            return value  # as it was written: so it stands in files and labels
    said = refusals[0].errors()[0]["msg"]
    raise ConfigurationError(f"{given}={text} does not suit {strategy.name}: {said}.") from refusals[0]


def _readings(text: str) -> Iterator[Any]:
    with suppress(ValueError):
        yield json.loads(text)
    yield text
