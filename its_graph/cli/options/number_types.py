"""Numbers on the command line: 2000000, 2_000_000 and 2e6 mean the same everywhere."""

import math
from decimal import Decimal, InvalidOperation

import typer

from its_graph.errors import ConfigurationError

__all__ = ["int_list", "non_negative_float", "non_negative_int", "positive_int"]

_END = 2**63
"""Integers from here on do not fit into a checkpoint."""


def non_negative_int(text: str) -> int:
    """Parse an integer in [0, 2**63).

    Raises:
        typer.BadParameter: it is anything else.
    """
    number = _parse_int(text)
    if number is None:
        raise typer.BadParameter(f"must be an integer >= 0 and below 2**63, such as 20000 or 2e6; got {text!r}.")
    return number


def positive_int(text: str) -> int:
    """Parse an integer in [1, 2**63).

    Raises:
        typer.BadParameter: it is anything else.
    """
    number = _parse_int(text)
    if not number:
        raise typer.BadParameter(f"must be an integer >= 1 and below 2**63, such as 512; got {text!r}.")
    return number


def non_negative_float(text: str) -> float:
    """Parse a finite number >= 0.

    Raises:
        typer.BadParameter: it is anything else.
    """
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number) or number < 0:
        raise typer.BadParameter(f"{text!r} is not a finite number >= 0, e.g. 2e6.")
    return number


def int_list(flag: str, text: str, example: str) -> list[int]:
    """Parse a comma-separated list such as `1,2,4,8`; duplicates are dropped.

    Args:
        flag: the option, for the message.
        text: its value.
        example: a correct value, for the message.

    Raises:
        ConfigurationError: an item is not an integer in [0, 2**63).
    """
    numbers = [_parse_int(item) for item in text.split(",")]
    valid = [number for number in numbers if number is not None]
    if len(valid) < len(numbers):
        raise ConfigurationError(
            f"{flag} must be a comma-separated list of integers >= 0; got {text!r}. Example: {flag} {example}."
        )
    return list(dict.fromkeys(valid))


def _parse_int(text: str) -> int | None:
    """Parse exactly: not every integer is a float."""
    try:
        number = Decimal(text)
    except InvalidOperation:
        return None
    # The order matters: 1e999999 would become an integer with a million digits.
    return int(number) if number.is_finite() and 0 <= number < _END and number == int(number) else None
